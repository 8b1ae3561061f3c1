/* Landlock: a file system, and what lies beside it, cut down for good by the process itself (landlock(7)). */
#ifndef COMMON_OS_LANDLOCK_H
#define COMMON_OS_LANDLOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/err.h"

enum landlock_access {
	LANDLOCK_READ,	 /* read, list, execute */
	LANDLOCK_WRITE,	 /* the same, and write, create (no device nodes), rename, remove */
	LANDLOCK_DEVICE, /* the same, and ioctl on devices: terminals */
	LANDLOCK_LIST,	 /* list directories, nothing else */
};

/* A ruleset being built. fd is -1 before landlock_begin and after landlock_end. */
struct landlock {
	int fd;
	int abi;	  /* of the kernel: 1 (Linux 5.13) and up */
	uint64_t handled; /* accesses to files that are refused unless a rule allows them */
};

/* What more than files is refused, where the ABI has it. */
enum landlock_wall {
	LANDLOCK_TCP = 1 << 0,	    /* ABI 4: bind and connect */
	LANDLOCK_ABSTRACT = 1 << 1, /* ABI 6: abstract Unix sockets of processes outside */
	LANDLOCK_SIGNAL = 1 << 2,   /* ABI 6: signals to processes outside */
};

/* The kernel's ABI; 0 when it has no Landlock. */
int landlock_abi(void);

/* Handle all accesses that the kernel's ABI knows, and those walls. ERR_SYSTEM where there is no Landlock. */
enum err landlock_begin(struct landlock *out, uint32_t walls, struct why *why) must_check;

/*
 * Allow an access below a path (or to a file, with the rights that a file can have).
 *
 * errors  ERR_NOT_FOUND there is no such path; ERR_SYSTEM it cannot be opened or the rule is refused
 */
enum err landlock_allow(
    struct landlock *landlock, const char *path, enum landlock_access access, struct why *why) must_check;

/* Enforce it on this thread and all that it starts; no_new_privs must be set. Closes the ruleset. */
enum err landlock_end(struct landlock *landlock, struct why *why) must_check;

#endif
