/* sandbox get: one sandbox with its walls and its policy. */
#include <string.h>

#include "clients/cli/commands.h"
#include "clients/cli/message_json.h"
#include "clients/cli/policy_json.h"
#include "clients/cli/sandbox.h"

static const char *
source_name(const Openshell__Sandbox__V1__GetSandboxConfigResponse *config)
{
	return config->policy_source == OPENSHELL__SANDBOX__V1__POLICY_SOURCE__POLICY_SOURCE_GLOBAL ? "global"
												    : "sandbox";
}

static uint32_t
revision_of(const Openshell__Sandbox__V1__GetSandboxConfigResponse *config)
{
	return config->policy_source == OPENSHELL__SANDBOX__V1__POLICY_SOURCE__POLICY_SOURCE_GLOBAL
		   ? config->global_policy_version
		   : config->version;
}

static void
line(struct cli *cli, const char *name, const char *value)
{
	printf("  %s %s\n", cli_colored(cli, "2", name), shown(&cli->arena, value));
}

#define LINE_PAIRS(cli, name, entries, count)                                                                          \
	do {                                                                                                           \
		const char *joined_ = (count) == 0 ? "-" : "";                                                         \
                                                                                                                       \
		for (size_t i_ = 0; i_ < (count) && joined_ != NULL; i_++)                                             \
			joined_ = arena_format(&(cli)->arena, "%s%s%s=%s", joined_, i_ > 0 ? ", " : "",                \
			    (entries)[i_]->key, (entries)[i_]->value);                                                 \
		line(cli, name, joined_);                                                                              \
	} while (0)

/* Conditions of one kind: the walls, or the others. */
static void
print_conditions(struct cli *cli, const Openshell__V1__SandboxStatus *status, bool walls)
{
	bool any = false;

	for (size_t i = 0; status != NULL && i < status->n_conditions; i++) {
		const Openshell__V1__SandboxCondition *condition = status->conditions[i];
		const char *name = shown(&cli->arena, condition->type),
			   *color = condition_true(condition) ? "32" : "33";

		if (condition_wall(condition) != walls)
			continue;
		if (!any)
			printf("\n%s\n\n", cli_colored(cli, "1", walls ? "Walls:" : "Conditions:"));
		any = true;
		if (walls)
			printf("  %-18s %s", name + strlen(WALL_PREFIX),
			    cli_colored(cli, color, shown(&cli->arena, condition->reason)));
		else
			printf("  %-18s %s %s", name, cli_colored(cli, color, shown(&cli->arena, condition->status)),
			    shown(&cli->arena, condition->reason));
		if (condition->message != NULL && condition->message[0] != '\0')
			printf(": %s", shown(&cli->arena, condition->message));
		putchar('\n');
	}
}

/* "a, b"; NULL: none is attached. */
static const char *
providers_text(struct cli *cli, const Openshell__V1__Sandbox *sandbox)
{
	const char *all = NULL;

	for (size_t i = 0; sandbox->spec != NULL && i < sandbox->spec->n_providers; i++)
		all = arena_format(&cli->arena, "%s%s%s", all == NULL ? "" : all, all == NULL ? "" : ", ",
		    sandbox->spec->providers[i]);
	return all;
}

static void
print_view(struct cli *cli, const Openshell__V1__Sandbox *sandbox,
    const Openshell__Sandbox__V1__GetSandboxConfigResponse *config)
{
	const Openshell__Datamodel__V1__ObjectMeta *meta = sandbox->metadata;
	char time[TIME_BYTES];
	json_t *policy;

	printf("%s\n\n", cli_colored(cli, "1", "Sandbox:"));
	line(cli, "Id:", meta->id);
	line(cli, "Name:", meta->name);
	line(cli, "Workspace:", meta->workspace);
	line(cli, "Phase:", phase_name(sandbox_phase(sandbox)));
	if (sandbox->status != NULL && sandbox->status->has_exit_code)
		line(cli, "Exit code:", arena_format(&cli->arena, "%d", sandbox->status->exit_code));
	line(cli, "Created:", time_text(meta->created_at_ms, time));
	line(cli, "Resource version:", arena_format(&cli->arena, "%llu", (unsigned long long)meta->resource_version));
	LINE_PAIRS(cli, "Labels:", meta->labels, meta->n_labels);
	LINE_PAIRS(cli, "Annotations:", meta->annotations, meta->n_annotations);
	if (providers_text(cli, sandbox) != NULL)
		line(cli, "Providers:", providers_text(cli, sandbox));
	line(cli, "Policy source:", source_name(config));
	line(cli, "Revision:", arena_format(&cli->arena, "%u", revision_of(config)));
	print_conditions(cli, sandbox->status, false);
	print_conditions(cli, sandbox->status, true);
	if (config->policy == NULL)
		return;
	printf("\n%s\n\n", cli_colored(cli, "1", "Policy:"));
	policy = policy_json(config->policy);
	yaml_print_indented(stdout, policy, 2);
	json_decref(policy);
}

static void
print_json(struct cli *cli, const Openshell__V1__Sandbox *sandbox,
    const Openshell__Sandbox__V1__GetSandboxConfigResponse *config)
{
	json_t *json = sandbox_json(sandbox), *conditions = json_array(), *providers = json_array();

	for (size_t i = 0; sandbox->spec != NULL && i < sandbox->spec->n_providers; i++)
		json_array_append_new(providers, json_text(sandbox->spec->providers[i]));
	json_object_set_new(json, "providers", providers);
	for (size_t i = 0; sandbox->status != NULL && i < sandbox->status->n_conditions; i++)
		json_array_append_new(conditions, message_json(&sandbox->status->conditions[i]->base));
	json_object_set_new(json, "conditions", conditions);
	json_object_set_new(json, "policy_source", json_text(source_name(config)));
	json_object_set_new(json, "revision", json_integer(revision_of(config)));
	json_object_set_new(json, "policy", policy_json(config->policy));
	cli_print(cli, json);
}

enum err
run_sandbox_get(struct cli *cli, struct why *why)
{
	Openshell__Sandbox__V1__GetSandboxConfigRequest request =
	    OPENSHELL__SANDBOX__V1__GET_SANDBOX_CONFIG_REQUEST__INIT;
	Openshell__Sandbox__V1__GetSandboxConfigResponse *config;
	Openshell__V1__SandboxResponse *answer;
	const char *name = cli->args.operands_count > 0 ? cli->args.operands[0] : NULL;
	char *chosen;
	enum err r;

	if ((r = cli_connect(cli, why)) != OK || (r = sandbox_choose(cli, name, &chosen, why)) != OK ||
	    (r = sandbox_fetch(cli, chosen, &answer, why)) != OK)
		return r;
	request.sandbox_id = answer->sandbox->metadata->id;
	if ((r = call_GetSandboxConfig(&cli->connection, &request, &config, why)) == OK) {
		if (cli_on(cli, FLAG_POLICY_ONLY))
			yaml_print(stdout, policy_json(config->policy));
		else if (cli_format(cli) == FORMAT_TABLE)
			print_view(cli, answer->sandbox, config);
		else
			print_json(cli, answer->sandbox, config);
		call_free(config);
	}
	call_free(answer);
	return r;
}
