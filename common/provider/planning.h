/* The inside of planning, for plan.c, plan_grants.c and plan_places.c. */
#ifndef COMMON_PROVIDER_PLANNING_H
#define COMMON_PROVIDER_PLANNING_H

#include "common/provider/binding.h"
#include "common/provider/planned.h"

/* The token grants of one of the providers: those that can be had, and those that are withheld and why. ERR_LIMIT. */
enum err grants_add(const struct provider_question *question, size_t which, const struct provider_bindings *bindings,
    struct arena *arena, struct provider_plan *plan, struct why *why) must_check;

/* Are there not too many of them? ERR_LIMIT. */
enum err grants_fit(const struct provider_plan *plan, struct why *why) must_check;

/* Where secrets with these bindings may stand besides: bodies, messages, signatures, as endpoints ask for them. */
unsigned places_opted(const struct provider_question *question, const Openshell__V1__ProviderProfile *profile,
    const struct provider_bindings *bindings);

/* Where this one may stand, by what the profile says of its credential; false past the arena's ceiling. */
bool places_set(
    const Openshell__V1__ProviderProfile *profile, struct provider_secret *secret, unsigned opted, struct arena *arena);

#endif
