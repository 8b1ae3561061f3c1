/* policy update: a few endpoints or rules more or less, tried out here before they are sent. */
#include "clients/cli/commands.h"
#include "clients/cli/policy_json.h"
#include "clients/cli/policy_share.h"
#include "clients/cli/policy_update.h"
#include "clients/cli/policy_wait.h"
#include "common/policy/check.h"
#include "common/policy/merge.h"

#define Config Openshell__Sandbox__V1__GetSandboxConfigResponse
#define Policy Openshell__Sandbox__V1__SandboxPolicy

#define LIST(cli, to, member, flag)                                                                                    \
	(to).member = (cli)->args.values[flag].list;                                                                   \
	(to).member##_n = (cli)->args.values[flag].count

static enum err
operations_read(struct cli *cli, Openshell__V1__UpdateConfigRequest *request, struct why *why)
{
	struct policy_change change = {.rule_name = cli_text(cli, FLAG_RULE_NAME)};
	enum err r;

	LIST(cli, change, add_endpoint, FLAG_ADD_ENDPOINT);
	LIST(cli, change, remove_endpoint, FLAG_REMOVE_ENDPOINT);
	LIST(cli, change, add_allow, FLAG_ADD_ALLOW);
	LIST(cli, change, add_deny, FLAG_ADD_DENY);
	LIST(cli, change, remove_rule, FLAG_REMOVE_RULE);
	LIST(cli, change, binary, FLAG_BINARY);
	r = policy_change_read(&change, &cli->arena, &request->merge_operations, &request->n_merge_operations, why);
	if (r == ERR_SYNTAX)
		cli->exit_code = EXIT_USAGE;
	return r;
}

/* What will come of it. */
static enum err
preview(struct cli *cli, const Openshell__V1__UpdateConfigRequest *request, const Policy *policy, Policy **out,
    struct why *why)
{
	static const Policy none = OPENSHELL__SANDBOX__V1__SANDBOX_POLICY__INIT;
	struct findings warnings = {.arena = &cli->arena};
	enum err r;

	if ((r = policy_merge(policy == NULL ? &none : policy, request->merge_operations, request->n_merge_operations,
		 &warnings, out, why)) != OK)
		return r;
	for (size_t i = 0; i < warnings.count; i++)
		cli_note(cli, "Warning: %s", shown(&cli->arena, warnings.items[i].text));
	return OK;
}

/* Would the gateway take it? Whatever the answer, the warnings are said. */
static enum err
check_after(struct cli *cli, const Policy *policy, struct why *why)
{
	struct findings findings = {.arena = &cli->arena};
	enum err r = policy_check(policy, 0, &findings, why);

	if (r == OK)
		r = policy_check_overlap(policy, &findings, why);
	for (size_t i = 0; i < findings.count; i++)
		if (findings.items[i].warning)
			cli_note(cli, "Warning: %s", shown(&cli->arena, findings.items[i].text));
	return r;
}

enum err
run_policy_update(struct cli *cli, struct why *why)
{
	Openshell__V1__UpdateConfigRequest request = OPENSHELL__V1__UPDATE_CONFIG_REQUEST__INIT;
	bool global;
	Config *config;
	Policy *after;
	uint32_t version;
	enum err r;

	if ((r = operations_read(cli, &request, why)) != OK || (r = policy_target(cli, &request.name, why)) != OK ||
	    (r = policy_config(cli, request.name, &config, why)) != OK)
		return r;
	global = config->policy_source == OPENSHELL__SANDBOX__V1__POLICY_SOURCE__POLICY_SOURCE_GLOBAL;
	version = config->version;
	r = global
		? fail(why, ERR_STATE,
		      "sandbox %s: its policy is managed globally; see `openshell policy get --global`", request.name)
		: preview(cli, &request, config->policy, &after, why);
	call_free(config);
	if (r != OK)
		return r;
	r = check_after(cli, after, why);
	if (!cli_on(cli, FLAG_DRY_RUN))
		return policy_submit(cli, &request, version, why); /* which has the last word */
	if (r == OK)
		yaml_print(stdout, policy_json(after));
	return r;
}
