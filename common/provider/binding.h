/* Where a provider's credentials may go: by the endpoints of its profile, or by endpoints of the policy that name it.
 */
#ifndef COMMON_PROVIDER_BINDING_H
#define COMMON_PROVIDER_BINDING_H

#include "common/provider/token.h"
#include "openshell/openshell.pb-c.h"

struct provider_bindings {
	struct provider_binding *items;
	size_t count; /* 0: it may go nowhere */
};

/*
 * The bindings of all credentials of one provider, one for each host, port and path.
 *
 * profile   NULL: none, so nowhere
 * provider  its name
 * policy    asked only where the profile has no endpoints; NULL: none
 * out       in the arena; hosts and paths are borrowed. Paths ** and slash ** become "". Untouched unless OK
 * errors    ERR_LIMIT over PROVIDER_BINDINGS_MAX, or the arena
 */
enum err provider_bindings(const Openshell__V1__ProviderProfile *profile, const char *provider,
    const Openshell__Sandbox__V1__SandboxPolicy *policy, struct arena *arena, struct provider_bindings *out,
    struct why *why) must_check;

/*
 * The rule that a provider adds to the policy (for struct policy_layer): its profile's endpoints and binaries.
 *
 * out     in the arena, borrowing from the profile; NULL where it has no endpoints
 */
enum err provider_rule(const Openshell__V1__ProviderProfile *profile, const char *provider, struct arena *arena,
    Openshell__Sandbox__V1__NetworkPolicyRule **out, struct why *why) must_check;

/* Is this key only what others are minted from, never for an agent (GOOGLE_SERVICE_ACCOUNT_KEY)? */
bool provider_bootstrap(struct span type, struct span key);

#endif
