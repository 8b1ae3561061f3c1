/* Versions of a policy: asking for one, and waiting until it is decided by. */
#ifndef CLIENTS_CLI_POLICY_WAIT_H
#define CLIENTS_CLI_POLICY_WAIT_H

#include "clients/cli/cli.h"

/* "Pending" and so on, or "pending" where small is set; by number. */
const char *policy_status_name(int status, bool small);

/* Version, hash, status and times of one, without the policy itself: a new reference. */
json_t *policy_revision_json(const Openshell__V1__SandboxPolicyRevision *revision);

/* GetSandboxPolicyStatus; name NULL: the global policy; version 0: the newest. The caller frees with call_free. */
enum err policy_fetch(struct cli *cli, char *name, uint32_t version,
    Openshell__V1__GetSandboxPolicyStatusResponse **out, struct why *why) must_check;

/*
 * Wait up to --timeout seconds until the sandbox decides by the version, and say so; superseded counts as done.
 *
 * errors  ERR_STATE it could not be loaded, with the reason; ERR_TIMEOUT (exit code 124), at once where the
 *         sandbox is stopped; ERR_CANCELLED
 */
enum err policy_wait(struct cli *cli, char *name, uint32_t version, struct why *why) must_check;

#endif
