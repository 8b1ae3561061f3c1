/* Facts about a process, read from /proc, which is this daemon's whole root directory. */
#ifndef SANDBOX_POLICYD_PROC_H
#define SANDBOX_POLICYD_PROC_H

#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "common/base/err.h"
#include "common/base/span.h"
#include "sandbox/policyd/proc_text.h"

#define PROC_PATH_BYTES PATH_MAX
#define AT_ROOT		AT_FDCWD /* for names that begin with a slash */

/*
 * The directory of a process or thread, as an open descriptor (the caller closes it). It stays bound to that one: when
 * it has ended, everything asked through it fails, also after its number was given to another.
 *
 * errors  ERR_NOT_FOUND there is none; ERR_LIMIT too many descriptors
 */
enum err proc_open(pid_t pid, int *out, struct why *why) must_check;

/* Read a small file below dir into to; ERR_NOT_FOUND it has ended, ERR_DENIED it may not be read. */
enum err proc_read(int dir, const char *name, char *to, size_t size, struct span *out, struct why *why) must_check;

enum err proc_stat(int dir, struct proc_stat *out, struct why *why) must_check;

/* Its number as the agent sees it; 0: cannot be told. */
uint32_t proc_inner_pid(int dir);

/* How many threads it has: the links of its task directory, without reading text. Errors as proc_read. */
enum err proc_threads(int dir, uint32_t *out, struct why *why) must_check;

/* Which file it executes; no text is read, so this is the quick look. Errors as proc_read. */
enum err proc_exe_stat(int dir, struct stat *out, struct why *why) must_check;

/* The path of it, as the kernel writes it, with a NUL. ERR_RANGE it is longer than PROC_PATH_BYTES. */
enum err proc_exe_path(int dir, char to[PROC_PATH_BYTES], struct why *why) must_check;

/* The inode of a namespace of its: "pid", "net". Errors as proc_read. */
enum err proc_namespace(int dir, const char *kind, uint64_t *out, struct why *why) must_check;

/*
 * Which file stands behind a descriptor of it (fdinfo needs CAP_SYS_PTRACE alone, fd would need the owner's id too).
 *
 * dir     of a process or a thread: each thread may have a table of its own
 */
enum err proc_descriptor(int dir, const char *number, struct proc_fdinfo *out, struct why *why) must_check;

/* The mount that all sockets live on, learned from one of our own. */
enum err proc_socket_mount(int own_socket, uint64_t *out, struct why *why) must_check;

/* Give each(self, name) every entry of a directory of numbers below dir; false from it ends the walk. */
enum err proc_each(int dir, const char *name, bool (*each)(void *self, const char *name, uint32_t number), void *self,
    struct why *why) must_check;

#endif
