/* What the commands do: one function each, all named in commands.c. */
#ifndef CLIENTS_CLI_COMMANDS_H
#define CLIENTS_CLI_COMMANDS_H

#include "clients/cli/cli.h"

enum err run_status(struct cli *cli, struct why *why);
enum err run_whoami(struct cli *cli, struct why *why);
enum err run_logs(struct cli *cli, struct why *why);
enum err run_completions(struct cli *cli, struct why *why);
enum err run_complete(struct cli *cli, struct why *why);

enum err run_gateway_add(struct cli *cli, struct why *why);
enum err run_gateway_list(struct cli *cli, struct why *why);
enum err run_gateway_select(struct cli *cli, struct why *why);
enum err run_gateway_remove(struct cli *cli, struct why *why);
enum err run_gateway_info(struct cli *cli, struct why *why);

enum err run_sandbox_create(struct cli *cli, struct why *why);
enum err run_sandbox_list(struct cli *cli, struct why *why);
enum err run_sandbox_get(struct cli *cli, struct why *why);
enum err run_sandbox_exec(struct cli *cli, struct why *why);
enum err run_sandbox_stop(struct cli *cli, struct why *why);
enum err run_sandbox_start(struct cli *cli, struct why *why);
enum err run_sandbox_delete(struct cli *cli, struct why *why);

enum err run_policy_set(struct cli *cli, struct why *why);
enum err run_policy_update(struct cli *cli, struct why *why);
enum err run_policy_get(struct cli *cli, struct why *why);
enum err run_policy_list(struct cli *cli, struct why *why);
enum err run_policy_delete(struct cli *cli, struct why *why);
enum err run_policy_lint(struct cli *cli, struct why *why);

enum err run_settings_get(struct cli *cli, struct why *why);
enum err run_settings_set(struct cli *cli, struct why *why);
enum err run_settings_delete(struct cli *cli, struct why *why);

#endif
