/* Taking part in a sandbox's main process: this terminal, through ssh, until it ends or is left. */
#ifndef CLIENTS_CLI_ATTACH_H
#define CLIENTS_CLI_ATTACH_H

#include "clients/cli/cli.h"

/* Did its main process run, and is over? (Phase Error, by the reason of the condition Ready.) */
bool main_exited(const Openshell__V1__Sandbox *sandbox);

/*
 * Attach, and wait: cli->exit_code becomes the main process's, 0 when it was left by Ctrl-P Ctrl-Q.
 *
 * sandbox  ready, or its main process is over: then its last output is shown, and its exit code passed on
 * errors   ERR_NOT_FOUND ssh is not installed; ERR_STATE it is neither; the gateway's own
 */
enum err attach_run(
    struct cli *cli, const Openshell__V1__Sandbox *sandbox, const char *name, struct why *why) must_check;

#endif
