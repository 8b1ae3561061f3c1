/* Providers in tables and objects. */
#include "clients/cli/provider_show.h"

#include <string.h>

#define Meta Openshell__Datamodel__V1__ObjectMeta

static const Meta none = OPENSHELL__DATAMODEL__V1__OBJECT_META__INIT;

static const Meta *
meta_of(const Provider *provider)
{
	return provider == NULL || provider->metadata == NULL ? &none : provider->metadata;
}

const char *
provider_name(struct cli *cli, const Provider *provider)
{
	return shown(&cli->arena, meta_of(provider)->name);
}

#define KEYS_JSON(list, entries, count)                                                                                \
	for (size_t key_ = 0; key_ < (count); key_++)                                                                  \
	json_array_append_new(list, json_text((entries)[key_]->key))

#define TEXTS_JSON(object, entries, count)                                                                             \
	for (size_t pair_ = 0; pair_ < (count); pair_++) {                                                             \
		json_t *name_ = json_text((entries)[pair_]->key);                                                      \
                                                                                                                       \
		json_object_set_new(object, json_string_value(name_), json_text((entries)[pair_]->value));             \
		json_decref(name_);                                                                                    \
	}

static void
expiries_json(json_t *json, const Provider *provider)
{
	json_t *expiries = json_object();

	for (size_t i = 0; i < provider->n_credential_expires_at_ms; i++) {
		json_t *name = json_text(provider->credential_expires_at_ms[i]->key);

		json_object_set_new(expiries, json_string_value(name),
		    json_integer((json_int_t)provider->credential_expires_at_ms[i]->value));
		json_decref(name);
	}
	if (json_object_size(expiries) > 0)
		json_object_set_new(json, "credential_expires_at_ms", expiries);
	else
		json_decref(expiries);
}

json_t *
provider_json(const Provider *provider)
{
	const Meta *meta = meta_of(provider);
	json_t *json = json_object(), *keys = json_array(), *config = json_object(), *labels = json_object();
	char time[TIME_BYTES];

	KEYS_JSON(keys, provider->credentials, provider->n_credentials);
	TEXTS_JSON(config, provider->config, provider->n_config);
	TEXTS_JSON(labels, meta->labels, meta->n_labels);
	json_object_set_new(json, "id", json_text(meta->id));
	json_object_set_new(json, "name", json_text(meta->name));
	json_object_set_new(json, "workspace", json_text(meta->workspace));
	json_object_set_new(json, "type", json_text(provider->type));
	json_object_set_new(json, "credential_keys", keys);
	json_object_set_new(json, "config_keys", json_array());
	KEYS_JSON(json_object_get(json, "config_keys"), provider->config, provider->n_config);
	json_object_set_new(json, "config", config);
	json_object_set_new(json, "labels", labels);
	json_object_set_new(json, "resource_version", json_integer((json_int_t)meta->resource_version));
	json_object_set_new(json, "created_at", json_text(time_text(meta->created_at_ms, time)));
	expiries_json(json, provider);
	return json;
}

static void
table_of(struct cli *cli, Provider *const *providers, size_t n)
{
	struct table table = {.arena = &cli->arena};
	size_t first = cli_on(cli, FLAG_ALL_WORKSPACES) ? 0 : 1; /* the column WORKSPACE is only for all of them */
	const char *const header[] = {"WORKSPACE", "NAME", "TYPE", "CREDENTIAL_KEYS", "CONFIG_KEYS"};

	table_row(&table, header + first, 5 - first);
	for (size_t i = 0; i < n; i++) {
		const char *const cells[] = {meta_of(providers[i])->workspace, meta_of(providers[i])->name,
		    providers[i]->type, arena_format(&cli->arena, "%zu", providers[i]->n_credentials),
		    arena_format(&cli->arena, "%zu", providers[i]->n_config)};

		table_row(&table, cells + first, 5 - first);
	}
	table_print(stdout, &table, cli->color_out);
}

void
provider_list_print(struct cli *cli, Provider *const *providers, size_t n)
{
	json_t *array;

	if (cli_on(cli, FLAG_NAMES)) {
		for (size_t i = 0; i < n; i++)
			if (cli_on(cli, FLAG_ALL_WORKSPACES))
				printf("%s/%s\n", shown(&cli->arena, meta_of(providers[i])->workspace),
				    provider_name(cli, providers[i]));
			else
				puts(provider_name(cli, providers[i]));
	} else if (cli_format(cli) != FORMAT_TABLE) {
		array = json_array();
		for (size_t i = 0; i < n; i++)
			json_array_append_new(array, provider_json(providers[i]));
		cli_print(cli, array);
	} else if (n == 0) {
		puts("No providers found.");
	} else {
		table_of(cli, providers, n);
	}
}
