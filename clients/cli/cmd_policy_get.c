/* policy get: what is in force, or one version. */
#include <string.h>

#include "clients/cli/commands.h"
#include "clients/cli/policy_json.h"
#include "clients/cli/policy_share.h"
#include "clients/cli/policy_wait.h"
#include "common/policy/check.h"

#define Revision Openshell__V1__SandboxPolicyRevision
#define Config	 Openshell__Sandbox__V1__GetSandboxConfigResponse
#define GLOBAL	 OPENSHELL__SANDBOX__V1__POLICY_SOURCE__POLICY_SOURCE_GLOBAL

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
	json_object_update_new(json, policy_revision_json(revision));
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
