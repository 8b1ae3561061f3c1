/* Promises: which system calls a process goes on using, as a seccomp filter (seccomp(2)). */
#ifndef COMMON_OS_PROMISE_H
#define COMMON_OS_PROMISE_H

#include <stdint.h>

#include "common/base/err.h"

/* What a process may go on doing: each promise is a list of system calls (promise.c). */
enum promise {
	PROMISE_STDIO = 1 << 0, /* memory, time, its own descriptors, epoll, signals to itself */
	PROMISE_INET = 1 << 1,	/* TCP and UDP sockets */
	PROMISE_UNIX = 1 << 2,	/* Unix sockets, descriptor passing */
	PROMISE_BUS = 1 << 3,	/* what libzmq needs: its threads, ipc or tcp sockets, eventfd */
	PROMISE_RPATH = 1 << 4, /* open files for reading below its root */
	PROMISE_WPATH = 1 << 5, /* create, write, rename and remove files below its root */
	PROMISE_PROC = 1 << 6,	/* fork, exec, wait */
	PROMISE_KILL = 1 << 7,	/* signals to other processes */
	PROMISE_NAMESPACE =
	    1 << 8,		   /* build sandboxes: then the list is of what nothing below may ever do (promise.h) */
	PROMISE_PTY = 1 << 9,	   /* the size of a terminal that it was given; it types into none, and opens none */
	PROMISE_ID = 1 << 10,	   /* setuid, setgid and the like */
	PROMISE_CHANNEL = 1 << 11, /* messages and descriptors over sockets that it was given; it makes none */
	PROMISE_GIVEN = 1 << 13,   /* connect, listen and accept on sockets that it was given; it makes none */
	PROMISE_APPEND = 1 << 14,  /* less: a file that it was given to append to is never cut, nor written elsewhere */
	/*
	 * Answer a seccomp listener, and see whether threads share their descriptors (kcmp). Who does this may look into other
	 * processes: files are then read from their beginning only, and not from a place of choice, as memory would be.
	 */
	PROMISE_NOTIFY = 1 << 12,
};

/*
 * Load the filter of these promises (bits of enum promise) for this thread and all that it starts, for good.
 *
 * Without PROMISE_NAMESPACE it is a list of what is allowed. With it, the process builds sandboxes whose programs
 * inherit the filter, so it is a list of what nothing below may ever do: the kernel's modules, its image, clock,
 * tracing, keyrings, io_uring and the like.
 *
 * A call that is not allowed answers EPERM (clone3: ENOSYS, so that libc turns to clone, whose flags can be seen) and
 * is logged by the kernel where it logs such things. It does not end the process: a call forgotten here would turn
 * every start into an outage, whereas a refused one is an error that the caller reports, and the wall is the same.
 */
enum err promise_keep(uint32_t promises, struct why *why) must_check;

#endif
