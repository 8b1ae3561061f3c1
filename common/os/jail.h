/* The jail: gives up, for good and checked step by step, everything a process does not need. */
#ifndef COMMON_OS_JAIL_H
#define COMMON_OS_JAIL_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/base/err.h"
#include "common/os/promise.h"

/* Stated once in a daemon's main.c as data, repeated in its README, compared with /proc by a test. */
struct jail {
	const char *process; /* its name, for messages */
	uid_t uid;	     /* become this user and group when running as uid 0 of its user namespace; 0: stay */
	gid_t gid;
	const char *root;      /* new root directory; NULL: an empty one that nothing can be written to; "/" keeps */
	uint64_t capabilities; /* 1 << CAP_X for each that stays, in the permitted and effective set */
	uint32_t promises;
	uint32_t files_max;		/* RLIMIT_NOFILE; 0 keeps */
	const char *const *read_paths;	/* Landlock below the new root: readable and executable; NULL-terminated */
	const char *const *write_paths; /* Landlock: also writable; NULL-terminated. Both NULL: no file system at all */
	bool no_landlock;		/* a process that mounts, or whose children do (a Landlock domain forbids it) */
	int keep_from, keep_to;		/* descriptors above 2 that stay open, inclusive; 0, 0: none */
};

/*
 * Enter it, in this order: close other descriptors; new root; look up what may be read and written (we may still walk
 * there); bounding set; groups, gid, uid; prove that root cannot be regained; capability sets; not dumpable; limits, no
 * core; no_new_privs; Landlock; seccomp. One thread only may exist. As an ordinary user the root is changed inside a user
 * namespace of its own, and the ids stay. Steps that cannot be enforced fail; nothing is skipped quietly. Afterwards a
 * system call that was not promised answers EPERM.
 *
 * So: a loop (its epoll descriptor) is made after this, what was opened before has to lie in keep_from to keep_to,
 * and what the process starts lives under the same list. A user who keeps "/" keeps a bounding set too (dropping it takes
 * CAP_SETPCAP): no_new_privs makes it worthless.
 *
 * errors  ERR_SYSTEM naming the step; the caller must end
 */
enum err jail_enter(const struct jail *jail, struct why *why) must_check;

#endif
