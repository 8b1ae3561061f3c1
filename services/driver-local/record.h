/* Records: what a driver that comes back must know of a box, in one small file of its directory. */
#ifndef DRIVER_LOCAL_RECORD_H
#define DRIVER_LOCAL_RECORD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/base/err.h"
#include "common/base/span.h"

enum record_state { RECORD_STARTED = 1, RECORD_FAILED };

/* The last start of a sandbox. A process is named by its pid, its start time and the boot that both belong to. */
struct record {
	enum record_state state;
	uint32_t epoch;
	pid_t pid;
	uint64_t started; /* field 22 of /proc/PID/stat */
	char boot[37];	  /* /proc/sys/kernel/random/boot_id */
	uint32_t
	    release; /* of the sandbox programs that run there (BUS_RELEASE); 0: of a time when it was not written down */
	char words[WHY_BYTES]; /* why it failed */
};

/* Write it into the directory, whole or not at all. */
enum err record_write(int dir, const struct record *record, struct why *why) must_check;

/* ERR_NOT_FOUND there is none; ERR_SYNTAX it is not one of ours. */
enum err record_read(int dir, struct record *out, struct why *why) must_check;

/* Text of the file: pure, for record_read and its test. */
enum err record_parse(struct span text, struct record *out, struct why *why) must_check;

/* The record of a process that lives: fills pid, started, boot. */
enum err record_of(pid_t pid, struct record *out, struct why *why) must_check;

/* Its process as a pidfd; -1 when it is over (or another one has its pid by now). */
int record_open(const struct record *record);

#endif
