/* From the protobuf form of a profile to that of its file: words for enums, and endpoints as policies have them. */
#include "clients/cli/profile_json.h"

#include "clients/cli/message_json.h"
#include "clients/cli/policy_json.h"
#include "common/provider/names.h"

static void
credentials_fix(json_t *list, const Openshell__V1__ProviderProfile *profile)
{
	for (size_t i = 0; i < profile->n_credentials; i++) {
		const Openshell__V1__ProviderCredentialRefresh *refresh = profile->credentials[i]->refresh;

		if (refresh != NULL)
			json_object_set_new(json_object_get(json_array_get(list, i), "refresh"), "strategy",
			    json_string(provider_strategy_name((int)refresh->strategy)));
	}
}

/* Paths alone where nothing else is said of a program. */
static void
binaries_fix(json_t *list)
{
	json_t *item;
	size_t i;

	json_array_foreach(list, i, item)
	{
		json_t *path = json_object_get(item, "path");

		if (path != NULL)
			json_array_set(list, i, path);
	}
}

json_t *
profile_json(const Openshell__V1__ProviderProfile *profile, bool all)
{
	json_t *json = message_json(&profile->base), *endpoint;
	size_t i;

	json_object_set_new(json, "category", json_string(provider_category_name((int)profile->category)));
	credentials_fix(json_object_get(json, "credentials"), profile);
	json_array_foreach(json_object_get(json, "endpoints"), i, endpoint) endpoint_json_fix(endpoint);
	binaries_fix(json_object_get(json, "binaries"));
	if (all)
		return json;
	json_object_del(json, "source");
	json_object_del(json, "scope");
	if (profile->resource_version == 0)
		json_object_del(json, "resource_version");
	return json;
}
