/* Which variables of one's own environment a provider can be made of. */
#ifndef COMMON_PROVIDER_DISCOVERY_H
#define COMMON_PROVIDER_DISCOVERY_H

#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/base/span.h"
#include "openshell/openshell.pb-c.h"

/* Both end with NULL. */
struct provider_discovery {
	const char *const *credentials; /* variables whose values are secrets */
	const char *const *config;	/* variables that are no secret */
};

/* The fixed table, for gateways with providers_v2_enabled off. false: the type has no row. */
bool provider_discovery_fixed(struct span type, struct provider_discovery *out);

/*
 * What a profile's discovery block names: every variable of each credential in it.
 *
 * out     in the arena
 * errors  ERR_INVALID the profile has no such block; ERR_LIMIT
 */
enum err provider_discovery_profile(const Openshell__V1__ProviderProfile *profile, struct arena *arena,
    struct provider_discovery *out, struct why *why) must_check;

/* Does this variable's name look like a credential's (…_KEY, …_TOKEN, …_SECRET, PASSWORD …)? */
bool provider_looks_secret(struct span variable);

#endif
