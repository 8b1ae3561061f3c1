/* The effective policy of a sandbox: what its user wrote, and one layer for each attached provider. */
#ifndef COMMON_POLICY_COMPOSE_H
#define COMMON_POLICY_COMPOSE_H

#include <stdbool.h>

#include "common/base/arena.h"
#include "common/base/err.h"
#include "openshell/sandbox.pb-c.h"

/* What one provider adds. */
struct policy_layer {
	const char *provider;				       /* its name */
	const Openshell__Sandbox__V1__NetworkPolicyRule *rule; /* NULL: no endpoints of its own */
	bool credentialed;				       /* it holds a secret for its endpoints */
	bool marks_only; /* the rule is not added: its endpoints only say what is marked */
};

/*
 * Compose from scratch (4.13): layers come under _provider_NAME (small letters, digits and _; _2, _3 ... where that is
 * taken) and overwrite nothing. Endpoints that a provider's secret applies to are marked, all others are not.
 *
 * errors  ERR_LIMIT the arena's ceiling
 */
enum err policy_compose(const Openshell__Sandbox__V1__SandboxPolicy *base, const struct policy_layer *layers, size_t n,
    struct arena *arena, Openshell__Sandbox__V1__SandboxPolicy **out, struct why *why) must_check;

#endif
