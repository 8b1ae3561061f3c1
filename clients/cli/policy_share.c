/* What the policy and settings commands share. */
#include "clients/cli/policy_share.h"

#include "clients/cli/policy_wait.h"
#include "clients/cli/sandbox.h"

#define Config Openshell__Sandbox__V1__GetSandboxConfigResponse

enum err
policy_target(struct cli *cli, char **name, struct why *why)
{
	const char *operand = cli->args.operands_count > 0 ? cli->args.operands[0] : NULL;
	enum err r;

	*name = NULL;
	if ((r = cli_connect(cli, why)) != OK || cli_on(cli, FLAG_GLOBAL))
		return r;
	return sandbox_choose(cli, operand, name, why);
}

const char *
policy_hash_short(struct cli *cli, const char *hash)
{
	return shown(&cli->arena, arena_format(&cli->arena, "%.12s", hash == NULL ? "" : hash));
}

enum err
policy_submit(struct cli *cli, Openshell__V1__UpdateConfigRequest *request, uint32_t before, struct why *why)
{
	Openshell__V1__UpdateConfigResponse *answer;
	uint32_t version;
	enum err r;

	request->workspace = cli_workspace(cli);
	if ((r = call_UpdateConfig(&cli->connection, request, &answer, why)) != OK)
		return request->name == NULL ? r : because(why, r, "sandbox %s", request->name);
	version = answer->version;
	if (before != 0 && version == before)
		cli_note(cli, "Policy unchanged (version %u, hash: %s)", version,
		    policy_hash_short(cli, answer->policy_hash));
	else
		cli_note(cli, "Policy version %u submitted (hash: %s)", version,
		    policy_hash_short(cli, answer->policy_hash));
	call_free(answer);
	if (version == before || request->name == NULL || !cli_on(cli, FLAG_WAIT))
		return OK;
	return policy_wait(cli, request->name, version, why);
}

enum err
policy_config(struct cli *cli, char *name, Config **out, struct why *why)
{
	Openshell__Sandbox__V1__GetSandboxConfigRequest request =
	    OPENSHELL__SANDBOX__V1__GET_SANDBOX_CONFIG_REQUEST__INIT;
	Openshell__V1__SandboxResponse *sandbox;
	enum err r;

	if ((r = sandbox_fetch(cli, name, &sandbox, why)) != OK)
		return r;
	request.sandbox_id = sandbox->sandbox->metadata->id;
	r = call_GetSandboxConfig(&cli->connection, &request, out, why);
	call_free(sandbox);
	return r;
}
