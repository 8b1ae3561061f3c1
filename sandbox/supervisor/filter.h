/* The lists of refused system calls: one for the agent, one for the supervisor. */
#ifndef SANDBOX_SUPERVISOR_FILTER_H
#define SANDBOX_SUPERVISOR_FILTER_H

#include "common/base/err.h"

/*
 * For this thread and all that it starts, for good; no_new_privs must be set. ERR_SYSTEM naming the call.
 *
 * listener  of the agent: each connect() waits for an answer given there; owned by the caller. NULL: connects are free
 */
enum err seccomp_agent(int *listener, struct why *why) must_check;
enum err seccomp_supervisor(struct why *why) must_check;

#endif
