/* Looking for credentials on this machine; nothing that is found is shown. */
#include "clients/cli/provider_find.h"

#include <stdlib.h>
#include <string.h>

#include "common/provider/discovery.h"

#define WORDS_BYTES 300

enum err
provider_v2(struct cli *cli, bool *out, struct why *why)
{
	Openshell__Sandbox__V1__GetGatewayConfigRequest request =
	    OPENSHELL__SANDBOX__V1__GET_GATEWAY_CONFIG_REQUEST__INIT;
	Openshell__Sandbox__V1__GetGatewayConfigResponse *config;
	enum err r;

	if ((r = call_GetGatewayConfig(&cli->connection, &request, &config, why)) != OK)
		return r;
	*out = false;
	for (size_t i = 0; i < config->n_settings; i++)
		if (config->settings[i]->key != NULL && strcmp(config->settings[i]->key, "providers_v2_enabled") == 0 &&
		    config->settings[i]->value != NULL)
			*out = config->settings[i]->value->bool_value;
	call_free(config);
	return OK;
}

enum err
provider_profile_fetch(struct cli *cli, const char *id, Openshell__V1__ProviderProfileResponse **out, struct why *why)
{
	Openshell__V1__GetProviderProfileRequest request = OPENSHELL__V1__GET_PROVIDER_PROFILE_REQUEST__INIT;
	enum err r;

	request.id = (char *)(uintptr_t)id;
	request.workspace = cli_workspace(cli);
	if ((r = call_GetProviderProfile(&cli->connection, &request, out, why)) != OK)
		return r;
	if ((*out)->profile != NULL)
		return OK;
	call_free(*out);
	*out = NULL;
	return fail(why, ERR_INTERNAL, "the gateway answered no profile");
}

/* ---- variables ---- */

static bool
has_text(const char *value)
{
	return value != NULL && value[strspn(value, " \t\r\n")] != '\0';
}

static enum err
variables_take(struct cli *cli, const struct provider_discovery *list, Provider *to, struct why *why)
{
	enum err r;

	for (size_t i = 0; list->credentials[i] != NULL; i++) {
		const char *value = getenv(list->credentials[i]);
		char *copy;

		if (!has_text(value))
			continue;
		if ((copy = provider_secret(cli, value)) == NULL)
			return fail(why, ERR_LIMIT, "out of room");
		if ((r = provider_credential_add(cli, to, span_of_text(list->credentials[i]), copy, why)) != OK)
			return r;
	}
	for (size_t i = 0; list->config[i] != NULL; i++) {
		Openshell__Datamodel__V1__Provider__ConfigEntry *entry;

		if (!has_text(getenv(list->config[i])))
			continue;
		if ((entry = arena_alloc(&cli->arena, sizeof(*entry))) == NULL)
			return fail(why, ERR_LIMIT, "out of room");
		openshell__datamodel__v1__provider__config_entry__init(entry);
		entry->key = (char *)(uintptr_t)list->config[i];
		entry->value = getenv(list->config[i]);
		to->config[to->n_config++] = entry;
	}
	return OK;
}

static enum err
nothing_found(const char *type, const struct provider_discovery *list, struct why *why)
{
	char words[WORDS_BYTES] = "";
	struct text text = TEXT_OF(words);

	for (size_t i = 0; list->credentials[i] != NULL; i++)
		text_add(&text, "%s%s", i == 0 ? "" : ", ", list->credentials[i]);
	if (list->credentials[0] == NULL)
		return fail(why, ERR_INVALID,
		    "nothing can be looked for for type %s: name the credentials with --credential KEY", type);
	return fail(why, ERR_NOT_FOUND, "no credentials for type %s are here: none of %s is set", type, words);
}

/* ---- opencode's own file: provider.NAME.options.apiKey becomes NAME_API_KEY, unless the environment says it ---- */

static enum err
opencode_entry(struct cli *cli, const char *name, const char *value, Provider *to, struct why *why)
{
	char *key = arena_format(&cli->arena, "%s_API_KEY", name), *copy = provider_secret(cli, value);

	if (key == NULL || copy == NULL)
		return fail(why, ERR_LIMIT, "out of room");
	for (char *c = key; *c != '\0'; c++)
		*c = *c >= 'a' && *c <= 'z' ? (char)(*c - 'a' + 'A') : *c == '-' ? '_' : *c;
	for (size_t i = 0; i < to->n_credentials; i++)
		if (strcmp(to->credentials[i]->key, key) == 0)
			return OK;
	return provider_credential_add(cli, to, span_of_text(key), copy, why);
}

static enum err
opencode_take(struct cli *cli, Provider *to, struct why *why)
{
	const char *config = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME"), *name, *path;
	struct why unused = {0};
	struct span text;
	json_t *json, *entry;
	enum err r = OK;

	path = has_text(config)
		   ? arena_format(&cli->arena, "%s/opencode/opencode.json", config)
		   : arena_format(&cli->arena, "%s/.config/opencode/opencode.json", home == NULL ? "" : home);
	if (path == NULL || file_read(path, &cli->arena, &text, &unused) != OK)
		return OK;
	json = json_loadb(text.at, text.length, 0, NULL);
	explicit_bzero((char *)(uintptr_t)text.at, text.length);
	json_object_foreach(json_object_get(json, "provider"), name, entry)
	{
		const char *value = json_string_value(json_object_get(json_object_get(entry, "options"), "apiKey"));

		if (!has_text(value))
			continue;
		r = opencode_entry(cli, name, value, to, why);
		explicit_bzero((char *)(uintptr_t)value, strlen(value));
		if (r != OK)
			break;
	}
	json_decref(json);
	return r == OK ? OK : because(why, r, "%s", shown(&cli->arena, path));
}

/* ---- the whole ---- */

/* What to look for: the table, or the profile. */
static enum err
list_find(struct cli *cli, const char *type, struct provider_discovery *out,
    Openshell__V1__ProviderProfileResponse **profile, struct why *why)
{
	bool v2;
	enum err r;

	if ((r = provider_v2(cli, &v2, why)) != OK)
		return r;
	if (!v2 && provider_discovery_fixed(span_of_text(type), out))
		return OK;
	if ((r = provider_profile_fetch(cli, type, profile, why)) != OK)
		return r == ERR_NOT_FOUND
			   ? fail(why, ERR_INVALID, "type %.64s has no profile", shown(&cli->arena, type))
			   : r;
	return provider_discovery_profile((*profile)->profile, &cli->arena, out, why);
}

enum err
provider_find(struct cli *cli, const char *type, Provider *to, struct why *why)
{
	Openshell__V1__ProviderProfileResponse *profile = NULL;
	struct provider_discovery list;
	enum err r;

	if ((r = list_find(cli, type, &list, &profile, why)) == OK && (r = variables_take(cli, &list, to, why)) == OK &&
	    strcmp(type, "opencode") == 0)
		r = opencode_take(cli, to, why);
	if (r == OK && to->n_credentials == 0)
		r = nothing_found(type, &list, why);
	call_free(profile);
	return r;
}
