/* provider get, list and delete; sandbox provider list, attach and detach. */
#include <string.h>

#include "clients/cli/commands.h"
#include "clients/cli/provider_show.h"
#include "clients/cli/sandbox.h"

/* ---- get ---- */

static void
line(const char *name, const char *value)
{
	printf("%-14s %s\n", name, value);
}

/* When a key ends; "" where it does not. */
static const char *
expiry_text(struct cli *cli, const Provider *provider, const char *key)
{
	char time[TIME_BYTES];

	for (size_t i = 0; i < provider->n_credential_expires_at_ms; i++)
		if (strcmp(provider->credential_expires_at_ms[i]->key, key) == 0 &&
		    provider->credential_expires_at_ms[i]->value > 0)
			return arena_format(&cli->arena, " (expires %s)",
			    time_text(provider->credential_expires_at_ms[i]->value, time));
	return "";
}

static void
get_lines(struct cli *cli, const Provider *provider)
{
	const Openshell__Datamodel__V1__ObjectMeta *meta = provider->metadata;
	char time[TIME_BYTES];

	line("Name:", provider_name(cli, provider));
	line("Id:", shown(&cli->arena, meta == NULL ? "" : meta->id));
	line("Type:", shown(&cli->arena, provider->type));
	line("Created:", time_text(meta == NULL ? 0 : meta->created_at_ms, time));
	for (size_t i = 0; i < provider->n_credentials; i++)
		line(i == 0 ? "Credentials:" : "",
		    arena_format(&cli->arena, "%s=%s%s", shown(&cli->arena, provider->credentials[i]->key),
			shown(&cli->arena, provider->credentials[i]->value),
			expiry_text(cli, provider, provider->credentials[i]->key)));
	for (size_t i = 0; i < provider->n_config; i++)
		line(i == 0 ? "Config:" : "",
		    arena_format(&cli->arena, "%s=%s", shown(&cli->arena, provider->config[i]->key),
			shown(&cli->arena, provider->config[i]->value)));
}

enum err
run_provider_get(struct cli *cli, struct why *why)
{
	Openshell__V1__GetProviderRequest request = OPENSHELL__V1__GET_PROVIDER_REQUEST__INIT;
	Openshell__V1__ProviderResponse *answer;
	enum err r;

	request.name = (char *)(uintptr_t)cli->args.operands[0];
	request.workspace = cli_workspace(cli);
	if ((r = cli_connect(cli, why)) != OK || (r = call_GetProvider(&cli->connection, &request, &answer, why)) != OK)
		return r;
	if (answer->provider == NULL)
		r = fail(why, ERR_INTERNAL, "the gateway answered no provider");
	else if (cli_format(cli) != FORMAT_TABLE)
		cli_print(cli, provider_json(answer->provider));
	else
		get_lines(cli, answer->provider);
	call_free(answer);
	return r;
}

/* ---- list ---- */

enum err
run_provider_list(struct cli *cli, struct why *why)
{
	Openshell__V1__ListProvidersRequest request = OPENSHELL__V1__LIST_PROVIDERS_REQUEST__INIT;
	Openshell__V1__ListProvidersResponse *list;
	enum err r;

	request.has_limit = request.has_offset = request.has_all_workspaces = true;
	request.limit = (uint32_t)cli->args.values[FLAG_LIMIT].number;
	request.offset = (uint32_t)cli->args.values[FLAG_OFFSET].number;
	request.all_workspaces = cli_on(cli, FLAG_ALL_WORKSPACES);
	if (!request.all_workspaces) /* the gateway refuses both */
		request.workspace = cli_workspace(cli);
	if ((r = cli_connect(cli, why)) != OK || (r = call_ListProviders(&cli->connection, &request, &list, why)) != OK)
		return r;
	provider_list_print(cli, list->providers, list->n_providers);
	call_free(list);
	return OK;
}

/* ---- delete ---- */

static enum err
delete_one(struct cli *cli, const char *name, struct why *why)
{
	Openshell__V1__DeleteProviderRequest request = OPENSHELL__V1__DELETE_PROVIDER_REQUEST__INIT;
	Openshell__V1__DeleteProviderResponse *answer;
	enum err r;

	request.name = (char *)(uintptr_t)name;
	request.workspace = cli_workspace(cli);
	if ((r = call_DeleteProvider(&cli->connection, &request, &answer, why)) != OK)
		return because(why, r, "provider %s", shown(&cli->arena, name));
	printf(answer->deleted ? "Deleted provider %s\n" : "Provider %s not found\n", shown(&cli->arena, name));
	fflush(stdout);
	call_free(answer);
	return OK;
}

enum err
run_provider_delete(struct cli *cli, struct why *why)
{
	enum err r = cli_connect(cli, why);

	for (size_t i = 0; r == OK && i < cli->args.operands_count; i++) {
		if (delete_one(cli, cli->args.operands[i], why) == OK)
			continue;
		cli_error(cli, why); /* and go on with the others */
		cli->exit_code = EXIT_FAILURE;
	}
	return r;
}

/* ---- of a sandbox ---- */

enum err
run_sandbox_provider_list(struct cli *cli, struct why *why)
{
	Openshell__V1__ListSandboxProvidersRequest request = OPENSHELL__V1__LIST_SANDBOX_PROVIDERS_REQUEST__INIT;
	const char *name = cli->args.operands_count > 0 ? cli->args.operands[0] : NULL;
	Openshell__V1__ListSandboxProvidersResponse *list;
	enum err r;

	if ((r = cli_connect(cli, why)) != OK || (r = sandbox_choose(cli, name, &request.sandbox_name, why)) != OK)
		return r;
	request.workspace = cli_workspace(cli);
	if ((r = call_ListSandboxProviders(&cli->connection, &request, &list, why)) != OK)
		return because(why, r, "sandbox %s", shown(&cli->arena, request.sandbox_name));
	provider_list_print(cli, list->providers, list->n_providers);
	call_free(list);
	return OK;
}

/* The version of the sandbox that the change is made to. */
static enum err
version_of(struct cli *cli, char *name, uint64_t *out, struct why *why)
{
	Openshell__V1__SandboxResponse *answer;
	enum err r = sandbox_fetch(cli, name, &answer, why);

	if (r != OK)
		return r;
	*out = answer->sandbox == NULL || answer->sandbox->metadata == NULL
		   ? 0
		   : answer->sandbox->metadata->resource_version;
	call_free(answer);
	return OK;
}

#define TRIES 8 /* when the sandbox changes between asking for its version and the change */

enum err
run_sandbox_provider_attach(struct cli *cli, struct why *why)
{
	Openshell__V1__AttachSandboxProviderRequest request = OPENSHELL__V1__ATTACH_SANDBOX_PROVIDER_REQUEST__INIT;
	Openshell__V1__AttachSandboxProviderResponse *answer;
	enum err r;

	request.sandbox_name = (char *)(uintptr_t)cli->args.operands[0];
	request.provider_name = (char *)(uintptr_t)cli->args.operands[1];
	request.workspace = cli_workspace(cli);
	request.has_expected_resource_version = true;
	r = cli_connect(cli, why);
	for (int i = 0; i < TRIES && (i == 0 ? r == OK : r == ERR_CONFLICT); i++)
		if ((r = version_of(cli, request.sandbox_name, &request.expected_resource_version, why)) == OK)
			r = call_AttachSandboxProvider(&cli->connection, &request, &answer, why);
	if (r != OK)
		return r;
	printf(answer->attached ? "Attached provider %s to sandbox %s\n"
				: "Provider %s is attached to sandbox %s already\n",
	    shown(&cli->arena, request.provider_name), shown(&cli->arena, request.sandbox_name));
	for (size_t i = 0; i < answer->n_warnings; i++)
		cli_note(cli, "Warning: %s", shown(&cli->arena, answer->warnings[i]));
	if (answer->attached)
		cli_note(
		    cli, "Commands that start from now on find its variables; those that run keep their environment");
	call_free(answer);
	return OK;
}

enum err
run_sandbox_provider_detach(struct cli *cli, struct why *why)
{
	Openshell__V1__DetachSandboxProviderRequest request = OPENSHELL__V1__DETACH_SANDBOX_PROVIDER_REQUEST__INIT;
	Openshell__V1__DetachSandboxProviderResponse *answer;
	enum err r;

	request.sandbox_name = (char *)(uintptr_t)cli->args.operands[0];
	request.provider_name = (char *)(uintptr_t)cli->args.operands[1];
	request.workspace = cli_workspace(cli);
	request.has_expected_resource_version = true;
	r = cli_connect(cli, why);
	for (int i = 0; i < TRIES && (i == 0 ? r == OK : r == ERR_CONFLICT); i++)
		if ((r = version_of(cli, request.sandbox_name, &request.expected_resource_version, why)) == OK)
			r = call_DetachSandboxProvider(&cli->connection, &request, &answer, why);
	if (r != OK)
		return r;
	printf(
	    answer->detached ? "Detached provider %s from sandbox %s\n" : "Provider %s is not attached to sandbox %s\n",
	    shown(&cli->arena, request.provider_name), shown(&cli->arena, request.sandbox_name));
	call_free(answer);
	return OK;
}
