/* Plans: what the providers attached to a sandbox come to, worked out from what is stored. */
#ifndef SERVICES_STATE_PLANNING_H
#define SERVICES_STATE_PLANNING_H

#include "common/provider/plan.h"
#include "services/state/configure.h"

struct planned {
	struct provider_question question;
	struct provider_plan plan;
	struct id *providers; /* of question.attached, in its order */
};

/*
 * Work it out for a sandbox.
 *
 * policy  stored bytes of what it is to decide by
 * derive  providers add rules to it
 * out     in the arena
 * errors  those of provider_plan; ERR_LIMIT the arena's ceiling
 */
enum err plan_make(struct state *state, struct id sandbox, struct span policy, bool derive, struct arena *arena,
    struct planned *out, struct why *why) must_check;

/* The same by what is in force. ERR_NOT_FOUND. */
enum err plan_read(
    struct state *state, struct id sandbox, struct arena *arena, struct planned *out, struct why *why) must_check;

/* May these providers be there together, with this policy? Within a transaction that has just written either. ERR_STATE. */
enum err plan_check(
    struct state *state, struct id sandbox, struct arena *arena, struct planned *out, struct why *why) must_check;

/* The same for each sandbox that a statement names (id, name): the first that it does not go with is named. */
enum err plans_check(struct state *state, enum sql sql, const struct args *args, struct why *why) must_check;

/* "provider 'x': KEY is withheld: why" for each key that is. */
enum err plan_warnings(
    const struct planned *planned, struct arena *arena, struct span **out, size_t *n, struct why *why) must_check;

#endif
