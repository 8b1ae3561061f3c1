/* candidate: a policy that a caller wants in force, checked and brought into the form that is stored. Pure. */
#ifndef API_CANDIDATE_H
#define API_CANDIDATE_H

#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/base/span.h"
#include "openshell/openshell.pb-c.h"

/*
 * Check a whole policy.
 *
 * current  the one in force, whose static sections must stay; NULL: nothing runs by one
 * global   it is to be the gateway's own
 * out      its canonical bytes, in the arena
 * errors   ERR_INVALID "policy contains unsafe content: ...", a static section, too long; ERR_STATE it contradicts itself
 */
enum err candidate_whole(struct arena *arena, const Openshell__Sandbox__V1__SandboxPolicy *policy,
    const Openshell__Sandbox__V1__SandboxPolicy *current, bool global, struct span *out, struct why *why) must_check;

/* The one in force, changed in parts; then the same. ERR_STATE an operation does not fit it. */
enum err candidate_merged(struct arena *arena, const Openshell__Sandbox__V1__SandboxPolicy *current,
    Openshell__V1__PolicyMergeOperation *const *operations, size_t n, struct span *out, struct why *why) must_check;

#endif
