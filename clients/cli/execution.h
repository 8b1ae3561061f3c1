/* One command in a sandbox, from its request to its exit code: bytes in from standard input, out to both streams. */
#ifndef CLIENTS_CLI_EXECUTION_H
#define CLIENTS_CLI_EXECUTION_H

#include "clients/cli/cli.h"

/*
 * Run it. What standard input has at once goes with the request; where that is all of it, the request is one message
 * (ExecSandbox), else input is streamed (ExecSandboxInteractive), however much there is. A terminal is read only where
 * request->tty is set: it is raw meanwhile, and its changes of size are passed on.
 *
 * name     of the sandbox, for errors
 * returns  OK: cli->exit_code is the command's. ERR_CANCELLED a signal asked to stop: the command is ended. ERR_SYSTEM
 *          standard input or output broke; ERR_PROTOCOL the gateway told no exit code; the gateway's own
 */
enum err execution_run(
    struct cli *cli, Openshell__V1__ExecSandboxRequest *request, const char *name, struct why *why) must_check;

#endif
