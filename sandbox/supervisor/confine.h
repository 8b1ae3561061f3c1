/* Confining: what the spawner does to itself once the view stands, and so to every command it will ever start. */
#ifndef SANDBOX_SUPERVISOR_CONFINE_H
#define SANDBOX_SUPERVISOR_CONFINE_H

#include "sandbox/supervisor/places.h"
#include "sandbox/supervisor/walls.h"

#define AGENT_FILES_SOFT    4096
#define AGENT_FILES_HARD    65536
#define AGENT_PROCESSES_MAX 2048

/*
 * In this order: the agent's own user namespace, in which it is one user without power; no capability in any set; no
 * new privileges; limits; Landlock; the list of refused system calls. Each step is checked by what the kernel says
 * afterwards, not by what was asked, and reported.
 *
 * A wall that cannot be built is a report, not a failure: whoever reads the reports decides.
 *
 * listener  where each connect() of a command waits from now on for an answer (seccomp_unotify(2)); owned by the caller.
 *           NULL: connects are not asked about
 * errors  ERR_SYSTEM the process cannot go on at all; ERR_INVALID, ERR_NOT_FOUND a rule with hard_requirement
 */
enum err confine(const struct msg_spawner_setup *setup, const struct places *places, struct walls *walls, int *listener,
    struct why *why) must_check;

#endif
