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
enum err run_sandbox_upload(struct cli *cli, struct why *why);
enum err run_sandbox_download(struct cli *cli, struct why *why);

enum err run_policy_set(struct cli *cli, struct why *why);
enum err run_policy_update(struct cli *cli, struct why *why);
enum err run_policy_get(struct cli *cli, struct why *why);
enum err run_policy_list(struct cli *cli, struct why *why);
enum err run_policy_delete(struct cli *cli, struct why *why);
enum err run_policy_lint(struct cli *cli, struct why *why);

enum err run_settings_get(struct cli *cli, struct why *why);
enum err run_settings_set(struct cli *cli, struct why *why);
enum err run_settings_delete(struct cli *cli, struct why *why);
const char *setting_key(size_t i); /* of the settings there are; NULL behind the last */

enum err run_provider_create(struct cli *cli, struct why *why);
enum err run_provider_get(struct cli *cli, struct why *why);
enum err run_provider_list(struct cli *cli, struct why *why);
enum err run_provider_update(struct cli *cli, struct why *why);
enum err run_provider_delete(struct cli *cli, struct why *why);
enum err run_list_profiles(struct cli *cli, struct why *why);
enum err run_profile_export(struct cli *cli, struct why *why);
enum err run_profile_import(struct cli *cli, struct why *why);
enum err run_profile_update(struct cli *cli, struct why *why);
enum err run_profile_lint(struct cli *cli, struct why *why);
enum err run_profile_delete(struct cli *cli, struct why *why);
enum err run_refresh_status(struct cli *cli, struct why *why);
enum err run_refresh_configure(struct cli *cli, struct why *why);
enum err run_refresh_rotate(struct cli *cli, struct why *why);
enum err run_refresh_delete(struct cli *cli, struct why *why);
enum err run_sandbox_provider_list(struct cli *cli, struct why *why);
enum err run_sandbox_provider_attach(struct cli *cli, struct why *why);
enum err run_sandbox_provider_detach(struct cli *cli, struct why *why);

enum err run_inference_set(struct cli *cli, struct why *why);
enum err run_inference_update(struct cli *cli, struct why *why);
enum err run_inference_get(struct cli *cli, struct why *why);
enum err run_inference_delete(struct cli *cli, struct why *why);

enum err run_sandbox_connect(struct cli *cli, struct why *why);
enum err run_ssh_config(struct cli *cli, struct why *why);
enum err run_ssh_proxy(struct cli *cli, struct why *why);
enum err run_forward_start(struct cli *cli, struct why *why);
enum err run_forward_stop(struct cli *cli, struct why *why);
enum err run_forward_list(struct cli *cli, struct why *why);
enum err run_forward_service(struct cli *cli, struct why *why);

enum err run_service_expose(struct cli *cli, struct why *why);
enum err run_service_list(struct cli *cli, struct why *why);
enum err run_service_get(struct cli *cli, struct why *why);
enum err run_service_delete(struct cli *cli, struct why *why);

/* Groups whose tables are in files of their own. */
extern const struct command commands_provider[];	 /* commands_provider.c */
extern const struct command commands_sandbox_provider[]; /* commands_provider.c */
extern const struct command commands_inference[];	 /* commands_inference.c */
extern const struct command commands_forward[];		 /* commands_doors.c */
extern const struct flag flags_connect[];		 /* commands_doors.c */
extern const struct flag flags_ssh_proxy[];		 /* commands_doors.c */
extern const struct command commands_service[];		 /* commands_service.c */

#endif
