/* Profiles of providers: the built-in ones, and reading one from a file. */
#ifndef COMMON_PROVIDER_PROFILE_H
#define COMMON_PROVIDER_PROFILE_H

#include "common/base/arena.h"
#include "common/provider/lint.h"

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

/* Is this the id of a built-in profile, which nobody may import, replace or delete? */
bool provider_builtin(struct span id);

/* The profile of that very id; NULL. */
const Openshell__V1__ProviderProfile *provider_profile(const struct provider_profiles *profiles, struct span id);

/*
 * Read a profile file (YAML, which JSON is too) and lint it. Unknown keys are errors at every level; source and scope,
 * which the gateway sets, are passed over.
 *
 * source    its name, in findings
 * findings  its arena is set; shape and lint, each finding with line and column
 * out       in the findings' arena; untouched on failure
 * errors    ERR_SYNTAX not YAML, ERR_LIMIT too large: why says it; ERR_INVALID the findings do, and why the first
 */
enum err provider_profile_read(struct span text, const char *source, struct profile_findings *findings,
    Openshell__V1__ProviderProfile **out, struct why *why) must_check;

/* The words of an enum in files and on command lines: source_control, oauth2_refresh_token; "" for unspecified. */
const char *provider_category_name(int category);
const char *provider_strategy_name(int strategy);

/* The other way, case ignored and - and _ alike; false, and out untouched, for an unknown word. */
bool provider_category(struct span word, int *out);
bool provider_strategy(struct span word, int *out);

#endif
