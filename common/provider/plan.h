/*
 * What the providers of one sandbox come to: which secrets its router gets and where each may go, what the agent's
 * environment says, which policy they add, and what is withheld and why. Pure: state asks it before it attaches, before
 * it stores a policy, and when it pushes.
 */
#ifndef COMMON_PROVIDER_PLAN_H
#define COMMON_PROVIDER_PLAN_H

#include "common/provider/attached.h"
#include "common/provider/planned.h"

/*
 * Work it out.
 *
 * out     in the arena; texts of keys and bindings borrow from the question. Untouched unless OK
 * errors  ERR_STATE two providers deliver one key, a key is another's plain variable, two token grants cannot be told
 *         apart (names both), or name over REACH_MAX places; ERR_LIMIT the arena, over PROVIDER_ATTACHED_MAX or
 *         PROVIDER_BINDINGS_MAX
 */
enum err provider_plan(const struct provider_question *question, struct arena *arena, struct provider_plan *out,
    struct why *why) must_check;

/*
 * Does the sandbox's policy fit its providers? Asked besides when a policy is set and a provider is attached, not when
 * one is detached: what is bound to nothing is then simply not filled in.
 *
 * plan    of the question
 * errors  ERR_STATE credential_binding names what is not attached, has no profile or has endpoints of its own; an
 *         endpoint with credential_signing for which no provider has AWS keys
 */
enum err provider_policy_check(
    const struct provider_question *question, const struct provider_plan *plan, struct why *why) must_check;

/*
 * The environment of commands that start from now on: KEY=openshell:resolve:env:TOKEN and KEY=value, for secrets_push.
 *
 * revision  of the push
 * out       texts in the arena, sorted by key
 */
enum err provider_environment(const struct provider_plan *plan, uint64_t revision, struct arena *arena,
    const char ***out, size_t *n, struct why *why) must_check;

#endif
