/* Built-in profiles in use, and what others ask of a profile. */
#include "common/provider/profile.h"

#include <stdlib.h>
#include <string.h>

#include "common/provider/builtin.h"
#include "common/provider/messages.h"
#include "common/provider/profile_read.h"

enum err
provider_builtins(struct arena *arena, struct provider_profiles *out, struct why *why)
{
	struct provider_profiles made = {0};
	size_t n = 0;
	enum err r;

	while (builtin_profiles[n].id != NULL)
		n++;
	if ((made.items = arena_array(arena, n + 1, sizeof(*made.items))) == NULL)
		return fail(why, ERR_LIMIT, "out of room");
	for (size_t i = 0; i < n; i++) {
		struct profile_findings findings = {.arena = arena};
		struct span text = span_of_text(builtin_profiles[i].text);

		r = provider_profile_read(text, builtin_profiles[i].id, &findings, &made.items[made.count], why);
		if (r != OK)
			return because(why, r, "built-in profile %s", builtin_profiles[i].id);
		made.items[made.count++]->source = (char *)(uintptr_t) "builtin";
	}
	*out = made;
	return OK;
}

const Profile *
provider_profile(const struct provider_profiles *profiles, struct span id)
{
	for (size_t i = 0; i < profiles->count; i++)
		if (span_is(id, text_or(profiles->items[i]->id)))
			return profiles->items[i];
	return NULL;
}

const Credential *
provider_credential(const Profile *profile, struct span key)
{
	for (size_t i = 0; i < profile->n_credentials; i++)
		for (size_t j = 0; j < profile->credentials[i]->n_env_vars; j++)
			if (span_is(key, profile->credentials[i]->env_vars[j]))
				return profile->credentials[i];
	return NULL;
}

/* Is it a by-product of what the gateway mints? */
static bool
co_minted(const Profile *profile, const Credential *credential)
{
	for (size_t i = 0; i < profile->n_credentials; i++) {
		const Refresh *refresh = profile->credentials[i]->refresh;

		for (size_t j = 0; refresh != NULL && j < refresh->n_additional_outputs; j++)
			if (provider_strategy_mints((int)refresh->strategy) &&
			    strcmp(text_or(refresh->additional_outputs[j]->credential), text_or(credential->name)) == 0)
				return true;
	}
	return false;
}

enum err
provider_runtime_only(const Profile *profile, struct why *why)
{
	bool any = false;

	for (size_t i = 0; i < profile->n_credentials; i++) {
		const Credential *credential = profile->credentials[i];
		bool runtime =
		    credential->token_grant != NULL ||
		    (credential->refresh != NULL && provider_strategy_mints((int)credential->refresh->strategy)) ||
		    co_minted(profile, credential);

		any |= runtime;
		if (!runtime && credential->has_required && credential->required)
			return fail(why, ERR_INVALID, "profile %s needs the credential %s, which nothing mints",
			    text_or(profile->id), text_or(credential->name));
	}
	return any ? OK
		   : fail(
			 why, ERR_INVALID, "profile %s has no credential that comes at run time", text_or(profile->id));
}
