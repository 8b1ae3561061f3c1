/* The texts of /proc that policyd reads, as structs. Pure. */
#ifndef SANDBOX_POLICYD_PROC_TEXT_H
#define SANDBOX_POLICYD_PROC_TEXT_H

#include <stdint.h>

#include "common/base/err.h"
#include "common/base/span.h"

/* What is wanted of /proc/PID/stat (proc_pid_stat(5)). */
struct proc_stat {
	uint32_t pid, parent;
	char state;
	uint32_t threads;
};

/*
 * Read /proc/PID/stat. The name in it is the process's own choice and may hold anything, parentheses too.
 *
 * errors  ERR_SYNTAX
 */
enum err proc_stat_parse(struct span text, struct proc_stat *out, struct why *why) must_check;

/* What is wanted of /proc/PID/fdinfo/N: which file it is (proc_pid_fdinfo(5); ino is there from Linux 5.14). */
struct proc_fdinfo {
	uint64_t mount, inode;
};

/* Read /proc/PID/fdinfo/N. errors: ERR_SYNTAX one of the two is missing or no number. */
enum err proc_fdinfo_parse(struct span text, struct proc_fdinfo *out, struct why *why) must_check;

/*
 * NSpid of /proc/PID/status: the process's number in its own namespace, which is the last one there.
 *
 * errors  ERR_SYNTAX
 */
enum err proc_inner_pid_parse(struct span text, uint32_t *out, struct why *why) must_check;

#endif
