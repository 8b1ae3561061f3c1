/* settings get, set and delete: the few values that gateway and sandboxes are run by. */
#include <string.h>
#include <strings.h>

#include "clients/cli/commands.h"
#include "clients/cli/policy_share.h"
#include "common/base/clean.h"

#define Config Openshell__Sandbox__V1__GetSandboxConfigResponse
#define Value  Openshell__Sandbox__V1__SettingValue

/* The keys there are; a text has words that it may be, a switch has none. */
static const struct {
	const char *key;
	const char *words[3];
} settings[] = {
    {"providers_v2_enabled", {NULL}},
    {"ocsf_json_enabled", {NULL}},
    {"agent_policy_proposals_enabled", {NULL}},
    {"proposal_approval_mode", {"manual", "auto", NULL}},
};

const char *
setting_key(size_t i)
{
	return i < COUNT(settings) ? settings[i].key : NULL;
}

/* ---- values ---- */

static enum err
flag_read(const char *text, Value *to, struct why *why)
{
	static const struct {
		const char *word;
		bool on;
	} words[] = {{"true", true}, {"yes", true}, {"1", true}, {"false", false}, {"no", false}, {"0", false}};

	for (size_t i = 0; i < COUNT(words); i++)
		if (strcasecmp(text, words[i].word) == 0) {
			to->value_case = OPENSHELL__SANDBOX__V1__SETTING_VALUE__VALUE_BOOL_VALUE;
			to->bool_value = words[i].on;
			return OK;
		}
	return fail(why, ERR_INVALID, "\"%.40s\" is neither true nor false (also yes, no, 1, 0)", text);
}

static enum err
value_read(size_t setting, const char *text, Value *to, struct why *why)
{
	const char *const *words = settings[setting].words;

	if (words[0] == NULL)
		return flag_read(text, to, why);
	for (size_t i = 0; words[i] != NULL; i++)
		if (strcmp(text, words[i]) == 0) {
			to->value_case = OPENSHELL__SANDBOX__V1__SETTING_VALUE__VALUE_STRING_VALUE;
			to->string_value = (char *)(uintptr_t)text;
			return OK;
		}
	return fail(why, ERR_INVALID, "\"%.40s\" is not known; allowed are %s and %s", text, words[0], words[1]);
}

static enum err
setting_find(const char *key, size_t *out, struct why *why)
{
	for (size_t i = 0; i < COUNT(settings); i++)
		if (strcmp(key, settings[i].key) == 0) {
			*out = i;
			return OK;
		}
	return fail(why, ERR_INVALID, "unknown setting \"%.60s\"; there are %s, %s, %s and %s", key, settings[0].key,
	    settings[1].key, settings[2].key, settings[3].key);
}

static const char *
value_text(struct cli *cli, const Value *value)
{
	switch (value == NULL ? OPENSHELL__SANDBOX__V1__SETTING_VALUE__VALUE__NOT_SET : value->value_case) {
	case OPENSHELL__SANDBOX__V1__SETTING_VALUE__VALUE_STRING_VALUE:
		return shown(&cli->arena, value->string_value);
	case OPENSHELL__SANDBOX__V1__SETTING_VALUE__VALUE_BOOL_VALUE:
		return value->bool_value ? "true" : "false";
	case OPENSHELL__SANDBOX__V1__SETTING_VALUE__VALUE_INT_VALUE:
		return arena_format(&cli->arena, "%lld", (long long)value->int_value);
	default:
		return "<unset>";
	}
}

/* ---- get ---- */

static void
table_begin(struct cli *cli, struct table *table)
{
	*table = (struct table){.arena = &cli->arena};
	table_row(table, (const char *const[]){"KEY", "VALUE", "SCOPE"}, 3);
}

static const char *
scope_name(const Openshell__Sandbox__V1__EffectiveSetting *setting)
{
	if (setting != NULL && setting->scope == OPENSHELL__SANDBOX__V1__SETTING_SCOPE__SETTING_SCOPE_GLOBAL)
		return "global";
	return setting != NULL && setting->scope == OPENSHELL__SANDBOX__V1__SETTING_SCOPE__SETTING_SCOPE_SANDBOX
		   ? "sandbox"
		   : "unset";
}

static const Openshell__Sandbox__V1__EffectiveSetting *
setting_of(const Config *config, const char *key)
{
	for (size_t i = 0; i < config->n_settings; i++)
		if (config->settings[i]->key != NULL && strcmp(config->settings[i]->key, key) == 0)
			return config->settings[i]->value;
	return NULL;
}

static json_t *
sandbox_settings_json(struct cli *cli, const Config *config, const char *name)
{
	json_t *json = json_object(), *list = json_object();

	for (size_t i = 0; i < COUNT(settings); i++) {
		const Openshell__Sandbox__V1__EffectiveSetting *setting = setting_of(config, settings[i].key);

		json_object_set_new(list, settings[i].key,
		    json_pack("{ssss}", "value", value_text(cli, setting == NULL ? NULL : setting->value), "scope",
			scope_name(setting)));
	}
	json_object_set_new(json, "sandbox", json_text(name));
	json_object_set_new(json, "workspace", json_text(cli_workspace(cli)));
	json_object_set_new(json, "config_revision", json_integer((json_int_t)config->config_revision));
	json_object_set_new(json, "policy_source",
	    json_string(config->policy_source == OPENSHELL__SANDBOX__V1__POLICY_SOURCE__POLICY_SOURCE_GLOBAL
			    ? "global"
			    : "sandbox"));
	json_object_set_new(json, "policy_hash", json_text(config->policy_hash));
	json_object_set_new(json, "settings", list);
	return json;
}

static enum err
get_sandbox(struct cli *cli, char *name, struct why *why)
{
	struct table table;
	Config *config;
	enum err r;

	if ((r = policy_config(cli, name, &config, why)) != OK)
		return r;
	table_begin(cli, &table);
	for (size_t i = 0; i < COUNT(settings); i++) {
		const Openshell__Sandbox__V1__EffectiveSetting *setting = setting_of(config, settings[i].key);

		table_row(&table,
		    (const char *const[]){
			settings[i].key, value_text(cli, setting == NULL ? NULL : setting->value), scope_name(setting)},
		    3);
	}
	if (cli_on(cli, FLAG_JSON))
		json_print(stdout, sandbox_settings_json(cli, config, name));
	else
		table_print(stdout, &table, cli->color_out);
	call_free(config);
	return OK;
}

static enum err
get_global(struct cli *cli, struct why *why)
{
	Openshell__Sandbox__V1__GetGatewayConfigRequest request =
	    OPENSHELL__SANDBOX__V1__GET_GATEWAY_CONFIG_REQUEST__INIT;
	Openshell__Sandbox__V1__GetGatewayConfigResponse *config;
	json_t *list = json_object(), *json = json_object();
	struct table table;
	enum err r;

	if ((r = call_GetGatewayConfig(&cli->connection, &request, &config, why)) != OK)
		return r;
	table_begin(cli, &table);
	for (size_t i = 0; i < COUNT(settings); i++) {
		const Value *value = NULL;

		for (size_t j = 0; j < config->n_settings; j++)
			if (config->settings[j]->key != NULL && strcmp(config->settings[j]->key, settings[i].key) == 0)
				value = config->settings[j]->value;
		json_object_set_new(list, settings[i].key, json_text(value_text(cli, value)));
		table_row(&table,
		    (const char *const[]){settings[i].key, value_text(cli, value), value == NULL ? "unset" : "global"},
		    3);
	}
	json_object_set_new(json, "scope", json_string("global"));
	json_object_set_new(json, "settings_revision", json_integer((json_int_t)config->settings_revision));
	json_object_set_new(json, "settings", list);
	if (cli_on(cli, FLAG_JSON))
		json_print(stdout, json_incref(json));
	else
		table_print(stdout, &table, cli->color_out);
	json_decref(json);
	call_free(config);
	return OK;
}

enum err
run_settings_get(struct cli *cli, struct why *why)
{
	char *name;
	enum err r;

	if ((r = policy_target(cli, &name, why)) != OK)
		return r;
	return name == NULL ? get_global(cli, why) : get_sandbox(cli, name, why);
}

/* ---- set and delete ---- */

static enum err
setting_send(struct cli *cli, Openshell__V1__UpdateConfigRequest *request, const char *key,
    Openshell__V1__UpdateConfigResponse **out, struct why *why)
{
	enum err r;

	if (cli_on(cli, FLAG_GLOBAL) &&
	    (r = cli_confirm(cli, "Change this for every sandbox of the gateway?", why)) != OK)
		return r;
	if ((r = policy_target(cli, &request->name, why)) != OK)
		return r;
	request->setting_key = (char *)(uintptr_t)key;
	request->has_global = request->global = cli_on(cli, FLAG_GLOBAL);
	request->workspace = cli_workspace(cli);
	return call_UpdateConfig(&cli->connection, request, out, why);
}

enum err
run_settings_set(struct cli *cli, struct why *why)
{
	Openshell__V1__UpdateConfigRequest request = OPENSHELL__V1__UPDATE_CONFIG_REQUEST__INIT;
	Value value = OPENSHELL__SANDBOX__V1__SETTING_VALUE__INIT;
	const char *key = cli_text(cli, FLAG_KEY), *text = cli_text(cli, FLAG_VALUE);
	Openshell__V1__UpdateConfigResponse *answer;
	size_t setting;
	enum err r;

	if (key == NULL || text == NULL)
		return cli_usage(cli, why, "say which setting with --key KEY, and --value VALUE");
	if ((r = setting_find(key, &setting, why)) != OK)
		return r;
	if ((r = value_read(setting, text, &value, why)) != OK)
		return because(why, r, "%s", key);
	request.setting_value = &value;
	if ((r = setting_send(cli, &request, key, &answer, why)) != OK)
		return r;
	printf(
	    "Set %s setting %s = %s\n", cli_on(cli, FLAG_GLOBAL) ? "global" : "sandbox", key, value_text(cli, &value));
	call_free(answer);
	return OK;
}

enum err
run_settings_delete(struct cli *cli, struct why *why)
{
	Openshell__V1__UpdateConfigRequest request = OPENSHELL__V1__UPDATE_CONFIG_REQUEST__INIT;
	const char *key = cli_text(cli, FLAG_KEY), *scope = cli_on(cli, FLAG_GLOBAL) ? "global" : "sandbox";
	Openshell__V1__UpdateConfigResponse *answer;
	size_t setting;
	enum err r;

	if (key == NULL)
		return cli_usage(cli, why, "say which setting with --key KEY");
	if ((r = setting_find(key, &setting, why)) != OK)
		return r;
	request.has_delete_setting = request.delete_setting = true;
	if ((r = setting_send(cli, &request, key, &answer, why)) != OK)
		return r;
	if (answer->deleted)
		printf("Deleted %s setting %s\n", scope, key);
	else
		printf("No %s setting %s\n", scope, key);
	call_free(answer);
	return OK;
}
