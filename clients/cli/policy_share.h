/* What the policy and settings commands share: whom they are about, and sending a change. */
#ifndef CLIENTS_CLI_POLICY_SHARE_H
#define CLIENTS_CLI_POLICY_SHARE_H

#include "clients/cli/cli.h"

/* Connect, and find the sandbox that is named or was used last; NULL with --global. */
enum err policy_target(struct cli *cli, char **name, struct why *why) must_check;

/* GetSandbox and GetSandboxConfig; the caller frees with call_free. */
enum err policy_config(
    struct cli *cli, char *name, Openshell__Sandbox__V1__GetSandboxConfigResponse **out, struct why *why) must_check;

/* The first 12 digits. */
const char *policy_hash_short(struct cli *cli, const char *hash);

/*
 * UpdateConfig with a policy or merge operations, and what became of it in words; with --wait until it is loaded.
 *
 * before  the version there was; 0: not known
 */
enum err policy_submit(
    struct cli *cli, Openshell__V1__UpdateConfigRequest *request, uint32_t before, struct why *why) must_check;

#endif
