/* Opening a sandbox in an editor of this machine that works over SSH. */
#ifndef CLIENTS_CLI_EDITOR_H
#define CLIENTS_CLI_EDITOR_H

#include "clients/cli/cli.h"

extern const char *const editors[]; /* the names that --editor takes */

/*
 * Write the sandbox into the ssh_config file that OpenShell keeps, have ~/.ssh/config include that file, and start the
 * editor in the sandbox's workspace.
 *
 * errors  ERR_NOT_FOUND the editor's program is not in PATH; ERR_SYSTEM a file; the gateway's own
 */
enum err editor_open(struct cli *cli, const char *editor, const Openshell__V1__Sandbox *sandbox, const char *name,
    struct why *why) must_check;

/* Take a sandbox that is gone out of that file, if it is in it. That this fails is only a warning. */
void editor_forget(struct cli *cli, const char *name);

#endif
