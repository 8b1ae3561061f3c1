/* Promises: which system calls a process goes on using, as a seccomp filter (seccomp(2)). */
#ifndef COMMON_OS_PROMISE_H
#define COMMON_OS_PROMISE_H

#include <stdint.h>

#include "common/base/err.h"

/*
 * Load the filter of these promises (bits of enum promise, jail.h) for this thread and all that it starts, for good.
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
