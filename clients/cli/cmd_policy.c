/* policy set, get, list, delete and lint. */
#include <stdlib.h>
#include <string.h>

#include "clients/cli/commands.h"
#include "clients/cli/policy_file.h"
#include "clients/cli/policy_json.h"
#include "clients/cli/policy_share.h"
#include "clients/cli/policy_wait.h"
#include "clients/cli/sandbox.h"
#include "common/policy/check.h"
#include "common/policy/yaml.h"

#define Revision Openshell__V1__SandboxPolicyRevision
#define Config	 Openshell__Sandbox__V1__GetSandboxConfigResponse
#define GLOBAL	 OPENSHELL__SANDBOX__V1__POLICY_SOURCE__POLICY_SOURCE_GLOBAL

/* ---- set ---- */

/* The newest version; 0 where the gateway does not say. */
static uint32_t
version_now(struct cli *cli, char *name)
{
	Openshell__V1__GetSandboxPolicyStatusResponse *answer;
	struct why unused = {0};
	uint32_t version;

	if (name == NULL || policy_fetch(cli, name, 0, &answer, &unused) != OK)
		return 0;
	version = answer->revision->version;
	call_free(answer);
	return version;
}

enum err
run_policy_set(struct cli *cli, struct why *why)
{
	Openshell__V1__UpdateConfigRequest request = OPENSHELL__V1__UPDATE_CONFIG_REQUEST__INIT;
	bool global = cli_on(cli, FLAG_GLOBAL);
	const char *path = cli_text(cli, FLAG_POLICY);
	enum err r;

	if (path == NULL)
		return cli_usage(cli, why, "which policy? Name its file with --policy FILE");
	if ((r = policy_file_load(
		 cli, path, POLICY_CHECK_USER | (global ? POLICY_CHECK_GLOBAL : 0), &request.policy, why)) != OK ||
	    (global && (r = cli_confirm(cli, "Set this policy for every sandbox of the gateway?", why)) != OK) ||
	    (r = policy_target(cli, &request.name, why)) != OK)
		return r;
	request.has_global = request.global = global;
	return policy_submit(cli, &request, version_now(cli, request.name), why);
}

/* ---- get ---- */

static void
line(const char *name, const char *value)
{
	printf("%-12s %s\n", name, value);
}

static const char *
number(struct cli *cli, uint64_t value)
{
	return arena_format(&cli->arena, "%llu", (unsigned long long)value);
}

/* The policy itself, below what is said about it. */
static void
payload(const struct cli *cli, const Openshell__Sandbox__V1__SandboxPolicy *policy)
{
	if (!cli_on(cli, FLAG_FULL) && !cli_on(cli, FLAG_BASE))
		return;
	puts("---");
	yaml_print(stdout, policy_json(policy));
}

static void
revision_line(struct cli *cli, const Revision *revision, uint32_t active)
{
	char time[TIME_BYTES];

	line("Version:", number(cli, revision->version));
	line("Hash:", shown(&cli->arena, revision->policy_hash));
	line("Status:", policy_status_name((int)revision->status, false));
	line("Active:", number(cli, active));
	line("Created:", time_text(revision->created_at_ms, time));
	line("Loaded:", revision->loaded_at_ms == 0 ? "-" : time_text(revision->loaded_at_ms, time));
	if (revision->load_error != NULL && revision->load_error[0] != '\0')
		line("Error:", shown(&cli->arena, revision->load_error));
	payload(cli, revision->policy);
}

static json_t *
revision_json(const Revision *revision, const char *name, uint32_t active)
{
	json_t *json = json_object();

	json_object_set_new(json, "scope", json_string(name == NULL ? "global" : "sandbox"));
	if (name != NULL)
		json_object_set_new(json, "sandbox", json_text(name));
	json_object_set_new(json, "version", json_integer(revision->version));
	json_object_set_new(json, "active_version", json_integer(active));
	json_object_set_new(json, "hash", json_text(revision->policy_hash));
	json_object_set_new(json, "status", json_string(policy_status_name((int)revision->status, true)));
	json_object_set_new(json, "created_at_ms", json_integer(revision->created_at_ms));
	json_object_set_new(json, "loaded_at_ms", json_integer(revision->loaded_at_ms));
	json_object_set_new(json, "load_error", json_text(revision->load_error));
	if (revision->policy != NULL)
		json_object_set_new(json, "policy", policy_json(revision->policy));
	return json;
}

/* One revision, or the global policy. */
static enum err
get_revision(struct cli *cli, char *name, struct why *why)
{
	Openshell__V1__GetSandboxPolicyStatusResponse *answer;
	uint32_t version = (uint32_t)cli->args.values[FLAG_REV].number;
	enum err r;

	if ((r = policy_fetch(cli, name, version, &answer, why)) != OK)
		return r;
	if (cli_format(cli) == FORMAT_TABLE)
		revision_line(cli, answer->revision, answer->active_version);
	else
		cli_print(cli, revision_json(answer->revision, name, answer->active_version));
	call_free(answer);
	return OK;
}

/* --base: without what providers add. */
static json_t *
config_policy(const struct cli *cli, const Config *config)
{
	json_t *policy = policy_json(config->policy), *rules = json_object_get(policy, "network_policies"), *rule;
	const char *key;
	void *next;

	if (!cli_on(cli, FLAG_BASE))
		return policy;
	json_object_foreach_safe(
	    rules, next, key, rule) if (strncmp(key, POLICY_PROVIDER_PREFIX, strlen(POLICY_PROVIDER_PREFIX)) == 0)
	    json_object_del(rules, key);
	return policy;
}

static void
config_lines(struct cli *cli, const Config *config)
{
	line("Version:", number(cli, config->version));
	line("Hash:", shown(&cli->arena, config->policy_hash));
	line("Status:", "Effective");
	line("Source:", config->policy_source == GLOBAL ? "global" : "sandbox");
	line("Config rev:", number(cli, config->config_revision));
	if (config->global_policy_version != 0)
		line("Global:", number(cli, config->global_policy_version));
	if (!cli_on(cli, FLAG_FULL) && !cli_on(cli, FLAG_BASE))
		return;
	puts("---");
	yaml_print(stdout, config_policy(cli, config));
}

static json_t *
config_json(const struct cli *cli, const Config *config, const char *name)
{
	json_t *json = json_object();

	json_object_set_new(json, "scope", json_string("sandbox"));
	json_object_set_new(json, "sandbox", json_text(name));
	json_object_set_new(json, "version", json_integer(config->version));
	json_object_set_new(json, "active_version", json_integer(config->version));
	json_object_set_new(json, "hash", json_text(config->policy_hash));
	json_object_set_new(json, "status", json_string("effective"));
	json_object_set_new(json, "config_revision", json_integer((json_int_t)config->config_revision));
	json_object_set_new(json, "policy_source", json_string(config->policy_source == GLOBAL ? "global" : "sandbox"));
	if (config->global_policy_version != 0)
		json_object_set_new(json, "global_policy_version", json_integer(config->global_policy_version));
	json_object_set_new(json, "policy", config_policy(cli, config));
	return json;
}

enum err
run_policy_get(struct cli *cli, struct why *why)
{
	Config *config;
	char *name;
	enum err r;

	if ((r = policy_target(cli, &name, why)) != OK)
		return r;
	if (name == NULL || cli->args.values[FLAG_REV].number != 0)
		return get_revision(cli, name, why);
	if ((r = policy_config(cli, name, &config, why)) != OK)
		return r;
	if (cli_format(cli) == FORMAT_TABLE)
		config_lines(cli, config);
	else
		cli_print(cli, config_json(cli, config, name));
	call_free(config);
	return OK;
}

/* ---- list ---- */

static void
list_row(struct cli *cli, struct table *table, const Revision *revision)
{
	char time[TIME_BYTES];

	table_row(table,
	    (const char *const[]){number(cli, revision->version), policy_hash_short(cli, revision->policy_hash),
		policy_status_name((int)revision->status, false), time_text(revision->created_at_ms, time),
		revision->load_error},
	    5);
}

enum err
run_policy_list(struct cli *cli, struct why *why)
{
	Openshell__V1__ListSandboxPoliciesRequest request = OPENSHELL__V1__LIST_SANDBOX_POLICIES_REQUEST__INIT;
	Openshell__V1__ListSandboxPoliciesResponse *answer;
	struct table table = {.arena = &cli->arena};
	enum err r;

	if ((r = policy_target(cli, &request.name, why)) != OK)
		return r;
	request.has_global = request.global = cli_on(cli, FLAG_GLOBAL);
	request.has_limit = true;
	request.limit = (uint32_t)cli->args.values[FLAG_LIMIT].number;
	request.workspace = cli_workspace(cli);
	if ((r = call_ListSandboxPolicies(&cli->connection, &request, &answer, why)) != OK)
		return r;
	table_row(&table, (const char *const[]){"VERSION", "HASH", "STATUS", "CREATED", "ERROR"}, 5);
	for (size_t i = 0; i < answer->n_revisions; i++)
		list_row(cli, &table, answer->revisions[i]);
	if (answer->n_revisions == 0)
		cli_note(cli, "No policy versions found.");
	else
		table_print(stdout, &table, cli->color_out);
	call_free(answer);
	return OK;
}

/* ---- delete ---- */

enum err
run_policy_delete(struct cli *cli, struct why *why)
{
	Openshell__V1__UpdateConfigRequest request = OPENSHELL__V1__UPDATE_CONFIG_REQUEST__INIT;
	Openshell__V1__UpdateConfigResponse *answer;
	enum err r;

	if (!cli_on(cli, FLAG_GLOBAL))
		return cli_usage(cli, why,
		    "only the global policy can be deleted: say --global; "
		    "a sandbox always has a policy, which `openshell policy set` replaces");
	if ((r = cli_confirm(cli, "Delete the gateway's global policy?", why)) != OK ||
	    (r = cli_connect(cli, why)) != OK)
		return r;
	request.has_global = request.global = true;
	request.setting_key = (char *)(uintptr_t) "policy";
	request.has_delete_setting = request.delete_setting = true;
	request.workspace = cli_workspace(cli);
	if ((r = call_UpdateConfig(&cli->connection, &request, &answer, why)) != OK)
		return r;
	cli_note(cli, answer->deleted ? "Deleted global policy" : "There is no global policy");
	call_free(answer);
	return OK;
}

/* ---- lint ---- */

static json_t *
finding_json(const char *path, const struct finding *finding)
{
	json_t *json = json_object();

	json_object_set_new(json, "file", json_text(path));
	json_object_set_new(json, "line", json_integer((json_int_t)finding->line));
	json_object_set_new(json, "column", json_integer((json_int_t)finding->column));
	json_object_set_new(json, "severity", json_string(finding->warning ? "warning" : "error"));
	json_object_set_new(json, "message", json_text(finding->text));
	return json;
}

static void
lint_print(struct cli *cli, const char *path, const struct findings *findings)
{
	json_t *list = json_array();

	for (size_t i = 0; i < findings->count; i++)
		if (cli_format(cli) == FORMAT_TABLE)
			puts(policy_finding_text(cli, path, &findings->items[i]));
		else
			json_array_append_new(list, finding_json(path, &findings->items[i]));
	if (cli_format(cli) != FORMAT_TABLE)
		cli_print(cli, list);
	else
		json_decref(list);
	if (findings->errors + findings->warnings > findings->count)
		cli_note(cli, "... and %zu more", findings->errors + findings->warnings - findings->count);
	if (cli_format(cli) == FORMAT_TABLE && findings->errors + findings->warnings == 0)
		puts("All checks passed");
}

enum err
run_policy_lint(struct cli *cli, struct why *why)
{
	struct findings findings = {.arena = &cli->arena};
	const char *path = cli->args.operands[0];
	Openshell__Sandbox__V1__SandboxPolicy *policy;
	struct span text;
	enum err r;

	if ((r = policy_file_read(cli, path, &text, why)) != OK)
		return r;
	r = policy_read(
	    text, POLICY_CHECK_USER | (cli_on(cli, FLAG_GLOBAL) ? POLICY_CHECK_GLOBAL : 0), &findings, &policy, why);
	if (r != OK && findings.errors == 0)
		return because(why, r, "%s", strcmp(path, "-") == 0 ? STDIN_NAME : path);
	lint_print(cli, path, &findings);
	if (findings.errors > 0)
		cli->exit_code = EXIT_FAILURE;
	return OK;
}
