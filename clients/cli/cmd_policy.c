/* policy set, list, delete and lint. */
#include <stdlib.h>
#include <string.h>

#include "clients/cli/commands.h"
#include "clients/cli/policy_file.h"
#include "clients/cli/policy_share.h"
#include "clients/cli/policy_wait.h"
#include "common/policy/check.h"
#include "common/policy/yaml.h"

#define Revision Openshell__V1__SandboxPolicyRevision

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

/* ---- list ---- */

static void
list_row(struct cli *cli, struct table *table, const Revision *revision)
{
	char time[TIME_BYTES];

	table_row(table,
	    (const char *const[]){arena_format(&cli->arena, "%u", revision->version),
		policy_hash_short(cli, revision->policy_hash), policy_status_name((int)revision->status, false),
		time_text(revision->created_at_ms, time), revision->load_error},
	    5);
}

static json_t *
list_json(const Openshell__V1__ListSandboxPoliciesResponse *list)
{
	json_t *array = json_array();

	for (size_t i = 0; i < list->n_revisions; i++)
		json_array_append_new(array, policy_revision_json(list->revisions[i]));
	return array;
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
	if (cli_format(cli) != FORMAT_TABLE)
		cli_print(cli, list_json(answer));
	else if (answer->n_revisions == 0)
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

	if ((r = policy_file_read(cli, "policy file", path, &text, why)) != OK)
		return r;
	r = policy_read(text,
	    POLICY_CHECK_USER | POLICY_CHECK_ADVICE | (cli_on(cli, FLAG_GLOBAL) ? POLICY_CHECK_GLOBAL : 0), &findings,
	    &policy, why);
	if (r != OK && findings.errors == 0)
		return because(why, r, "%s", strcmp(path, "-") == 0 ? STDIN_NAME : path);
	lint_print(cli, path, &findings);
	if (findings.errors > 0)
		cli->exit_code = EXIT_FAILURE;
	return OK;
}
