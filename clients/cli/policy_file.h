/* Policy files on the command line: read, checked in full, every finding said with its place. */
#ifndef CLIENTS_CLI_POLICY_FILE_H
#define CLIENTS_CLI_POLICY_FILE_H

#include "clients/cli/cli.h"
#include "common/policy/findings.h"

#define STDIN_NAME "<stdin>"

/* The bytes of a file; "-" is standard input. what begins the reason where it cannot be read: "policy file". */
enum err policy_file_read(
    struct cli *cli, const char *what, const char *path, struct span *out, struct why *why) must_check;

/* "FILE:LINE:COLUMN: error: words" */
const char *policy_finding_text(struct cli *cli, const char *path, const struct finding *finding);

/*
 * Read a policy file for use; warnings and, where there are several, errors go to standard error.
 *
 * flags   of policy_check
 * errors  ERR_INVALID one error in words, or how many
 */
enum err policy_file_load(struct cli *cli, const char *path, unsigned flags,
    Openshell__Sandbox__V1__SandboxPolicy **out, struct why *why) must_check;

#endif
