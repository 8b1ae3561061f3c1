/* provider list-profiles, and provider profile export, import, update, lint and delete. */
#include <string.h>

#include "clients/cli/commands.h"
#include "clients/cli/profile_files.h"
#include "clients/cli/profile_json.h"
#include "common/policy/endpoint.h"
#include "common/provider/builtin.h"
#include "common/provider/names.h"

#define PAGE	       1000
#define CATEGORIES_MAX 8
#define HOSTS_SHOWN    4

/* --global: the platform's profiles, which every workspace sees. */
static char *
workspace_of(const struct cli *cli)
{
	static char platform[] = "";

	return cli_on(cli, FLAG_GLOBAL) ? platform : cli_workspace(cli);
}

static const char *
text_or_none(const char *text)
{
	return text == NULL ? "" : text;
}

/* ---- list-profiles ---- */

/* "api.github.com:443, github.com:443" and how many more. */
static const char *
endpoints_text(struct cli *cli, const Profile *profile)
{
	const char *words = "";
	const uint32_t *ports;

	for (size_t i = 0; i < profile->n_endpoints && i < HOSTS_SHOWN && words != NULL; i++) {
		const Openshell__Sandbox__V1__NetworkEndpoint *endpoint = profile->endpoints[i];
		size_t n = endpoint_ports(endpoint, &ports);

		words = arena_format(&cli->arena, "%s%s%s:%u%s", words, i == 0 ? "" : ", ",
		    text_or_none(endpoint->host), n == 0 ? 0 : ports[0], text_or_none(endpoint->path));
	}
	if (profile->n_endpoints > HOSTS_SHOWN && words != NULL)
		words = arena_format(&cli->arena, "%s and %zu more", words, profile->n_endpoints - HOSTS_SHOWN);
	return words;
}

static void
category_print(struct cli *cli, Profile *const *list, size_t n, int category, bool first)
{
	struct table table = {.arena = &cli->arena};
	const char *name = provider_category_name(category);

	table_row(&table, (const char *const[]){"ID", "SCOPE", "SOURCE", "NAME", "ENDPOINTS"}, 5);
	for (size_t i = 0; i < n; i++)
		if ((int)list[i]->category == category)
			table_row(&table,
			    (const char *const[]){list[i]->id, list[i]->scope, list[i]->source, list[i]->display_name,
				endpoints_text(cli, list[i])},
			    5);
	if (table.rows == 1)
		return;
	printf("%s%s:\n", first ? "" : "\n", cli_colored(cli, "1", name[0] == '\0' ? "other" : name));
	table_print(stdout, &table, cli->color_out);
}

static void
profiles_print(struct cli *cli, Profile *const *list, size_t n)
{
	bool first = true;

	for (int category = 0; category < CATEGORIES_MAX; category++)
		for (size_t i = 0; i < n; i++)
			if ((int)list[i]->category == category) {
				category_print(cli, list, n, category, first);
				first = false;
				break;
			}
}

enum err
run_list_profiles(struct cli *cli, struct why *why)
{
	Openshell__V1__ListProviderProfilesRequest request = OPENSHELL__V1__LIST_PROVIDER_PROFILES_REQUEST__INIT;
	Openshell__V1__ListProviderProfilesResponse *answer;
	json_t *array = json_array();
	enum err r;

	request.has_limit = true;
	request.limit = PAGE;
	request.workspace = workspace_of(cli);
	if ((r = cli_connect(cli, why)) != OK ||
	    (r = call_ListProviderProfiles(&cli->connection, &request, &answer, why)) != OK) {
		json_decref(array);
		return r;
	}
	for (size_t i = 0; i < answer->n_profiles; i++)
		json_array_append_new(array, profile_json(answer->profiles[i], true));
	if (cli_format(cli) != FORMAT_TABLE)
		cli_print(cli, json_incref(array));
	else if (answer->n_profiles == 0)
		puts("No provider profiles found.");
	else
		profiles_print(cli, answer->profiles, answer->n_profiles);
	json_decref(array);
	call_free(answer);
	return OK;
}

/* ---- export ---- */

/* GetProviderProfile; freed with call_free. */
static enum err
fetch(struct cli *cli, const char *id, Openshell__V1__ProviderProfileResponse **out, struct why *why)
{
	Openshell__V1__GetProviderProfileRequest request = OPENSHELL__V1__GET_PROVIDER_PROFILE_REQUEST__INIT;
	enum err r;

	request.id = (char *)(uintptr_t)id;
	request.workspace = workspace_of(cli);
	if ((r = call_GetProviderProfile(&cli->connection, &request, out, why)) != OK)
		return r;
	if ((*out)->profile != NULL)
		return OK;
	call_free(*out);
	return fail(why, ERR_INTERNAL, "the gateway answered no profile");
}

enum err
run_profile_export(struct cli *cli, struct why *why)
{
	Openshell__V1__ProviderProfileResponse *answer;
	enum err r;

	if ((r = cli_connect(cli, why)) != OK || (r = fetch(cli, cli->args.operands[0], &answer, why)) != OK)
		return r;
	cli_print(cli, profile_json(answer->profile, false));
	call_free(answer);
	return OK;
}

/* ---- import ---- */

/* Say what was found; with errors that is the command's end. */
static bool
refused(struct cli *cli, const struct profile_findings *findings)
{
	profile_findings_print(cli, findings);
	if (findings->errors > 0)
		cli->exit_code = EXIT_FAILURE;
	return findings->errors > 0;
}

enum err
run_profile_import(struct cli *cli, struct why *why)
{
	Openshell__V1__ImportProviderProfilesRequest request = OPENSHELL__V1__IMPORT_PROVIDER_PROFILES_REQUEST__INIT;
	Openshell__V1__ImportProviderProfilesResponse *answer;
	struct profile_files files;
	enum err r;

	if ((r = profile_files_read(cli, &files, why)) != OK || refused(cli, &files.findings) ||
	    (r = cli_connect(cli, why)) != OK)
		return r;
	request.profiles = files.items;
	request.n_profiles = files.count;
	request.workspace = workspace_of(cli);
	if ((r = call_ImportProviderProfiles(&cli->connection, &request, &answer, why)) != OK)
		return r;
	files.findings = (struct profile_findings){.arena = &cli->arena};
	profile_diagnostics_take(&files.findings, answer->diagnostics, answer->n_diagnostics);
	refused(cli, &files.findings);
	for (size_t i = 0; answer->imported && i < answer->n_profiles; i++)
		printf("Imported profile %s\n", shown(&cli->arena, answer->profiles[i]->id));
	if (!answer->imported) {
		cli_note(cli, "Nothing was imported.");
		cli->exit_code = EXIT_FAILURE;
	}
	call_free(answer);
	return OK;
}

/* ---- update ---- */

/* The version that is replaced: as the file says, as an export has it; else the one there is. */
static enum err
version_of(struct cli *cli, const char *id, const Profile *profile, uint64_t *out, struct why *why)
{
	Openshell__V1__ProviderProfileResponse *answer;
	enum err r;

	*out = profile->resource_version;
	if (*out != 0)
		return OK;
	if ((r = fetch(cli, id, &answer, why)) != OK)
		return r;
	*out = answer->profile->resource_version;
	call_free(answer);
	return OK;
}

enum err
run_profile_update(struct cli *cli, struct why *why)
{
	Openshell__V1__UpdateProviderProfilesRequest request = OPENSHELL__V1__UPDATE_PROVIDER_PROFILES_REQUEST__INIT;
	Openshell__V1__UpdateProviderProfilesResponse *answer;
	struct profile_files files;
	enum err r;

	if ((r = profile_files_read(cli, &files, why)) != OK || refused(cli, &files.findings))
		return r;
	if (files.count != 1)
		return cli_usage(cli, why, "one file is wanted: -f FILE");
	request.id = (char *)(uintptr_t)cli->args.operands[0];
	request.profile = files.items[0];
	request.workspace = workspace_of(cli);
	request.has_expected_resource_version = true;
	if ((r = cli_connect(cli, why)) != OK ||
	    (r = version_of(cli, request.id, files.items[0]->profile, &request.expected_resource_version, why)) != OK ||
	    (r = call_UpdateProviderProfiles(&cli->connection, &request, &answer, why)) != OK)
		return r;
	files.findings = (struct profile_findings){.arena = &cli->arena};
	profile_diagnostics_take(&files.findings, answer->diagnostics, answer->n_diagnostics);
	refused(cli, &files.findings);
	if (answer->updated)
		printf("Updated profile %s\n", shown(&cli->arena, request.id));
	else
		cli->exit_code = EXIT_FAILURE;
	call_free(answer);
	return OK;
}

/* ---- lint ---- */

/* --server: what only the gateway knows, as ids that are taken. */
static enum err
lint_ask(struct cli *cli, struct profile_files *files, struct why *why)
{
	Openshell__V1__LintProviderProfilesRequest request = OPENSHELL__V1__LINT_PROVIDER_PROFILES_REQUEST__INIT;
	Openshell__V1__LintProviderProfilesResponse *answer;
	enum err r;

	request.profiles = files->items;
	request.n_profiles = files->count;
	request.workspace = workspace_of(cli);
	if ((r = cli_connect(cli, why)) != OK ||
	    (r = call_LintProviderProfiles(&cli->connection, &request, &answer, why)) != OK)
		return r;
	files->findings = (struct profile_findings){.arena = &cli->arena};
	profile_diagnostics_take(&files->findings, answer->diagnostics, answer->n_diagnostics);
	call_free(answer);
	return OK;
}

enum err
run_profile_lint(struct cli *cli, struct why *why)
{
	struct profile_files files;
	enum err r;

	if ((r = profile_files_read(cli, &files, why)) != OK)
		return r;
	for (size_t i = 0; i < files.count; i++)
		if (provider_builtin(span_of_text(files.items[i]->profile->id)))
			profile_finding_add(&files.findings, true, files.items[i]->source, files.items[i]->profile->id,
			    "id", "is that of a built-in profile: it cannot be imported");
	if (files.findings.errors == 0 && cli_on(cli, FLAG_SERVER) && (r = lint_ask(cli, &files, why)) != OK)
		return r;
	if (!refused(cli, &files.findings) && files.findings.warnings == 0 && cli_format(cli) == FORMAT_TABLE)
		puts("All checks passed");
	return OK;
}

/* ---- delete ---- */

enum err
run_profile_delete(struct cli *cli, struct why *why)
{
	Openshell__V1__DeleteProviderProfileRequest request = OPENSHELL__V1__DELETE_PROVIDER_PROFILE_REQUEST__INIT;
	Openshell__V1__DeleteProviderProfileResponse *answer;
	enum err r;

	request.id = (char *)(uintptr_t)cli->args.operands[0];
	request.workspace = workspace_of(cli);
	if ((r = cli_connect(cli, why)) != OK ||
	    (r = call_DeleteProviderProfile(&cli->connection, &request, &answer, why)) != OK)
		return r;
	printf(answer->deleted ? "Deleted profile %s\n" : "Profile %s not found\n", shown(&cli->arena, request.id));
	call_free(answer);
	return OK;
}
