/* Profiles of providers: the built-in ones, and what they say of a record. */
#ifndef COMMON_PROVIDER_PROFILE_H
#define COMMON_PROVIDER_PROFILE_H

#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/provider/builtin.h"
#include "common/provider/names.h"
#include "openshell/openshell.pb-c.h"

struct provider_profiles {
	Openshell__V1__ProviderProfile **items;
	size_t count;
};

/*
 * The built-in profiles, by id; source builtin, resource_version 0. They are text until then: call it once.
 *
 * out     in the arena (some 100 KiB)
 * errors  ERR_LIMIT the arena's ceiling
 */
enum err provider_builtins(struct arena *arena, struct provider_profiles *out, struct why *why) must_check;

/* The profile of that very id; NULL. */
const Openshell__V1__ProviderProfile *provider_profile(const struct provider_profiles *profiles, struct span id);

/*
 * May a record of this profile be made without any credential? Yes where every required credential, and one at least,
 * comes at run time: by a token grant, minted by the gateway, or as a by-product of that.
 *
 * errors  ERR_INVALID which credential is missing
 */
enum err provider_runtime_only(const Openshell__V1__ProviderProfile *profile, struct why *why) must_check;

/* The credential whose env_vars hold the key; NULL. */
const Openshell__V1__ProviderProfileCredential *provider_credential(
    const Openshell__V1__ProviderProfile *profile, struct span key);

#endif
