/* A port of this machine that leads into a sandbox by ssh -L: begun, and left behind or waited for. */
#ifndef CLIENTS_CLI_FORWARD_SSH_H
#define CLIENTS_CLI_FORWARD_SSH_H

#include "clients/cli/cli.h"
#include "clients/cli/listener.h"

/*
 * Forward connections to address into the same port of the sandbox.
 *
 * sandbox     is ready
 * background  return when it listens; its file says how to end it (forward_record.h). Else return when it has ended
 * errors      ERR_NOT_FOUND ssh is not installed; ERR_UNAVAILABLE it did not come about, with what ssh said;
 *             ERR_CANCELLED it was interrupted, or it ended
 */
enum err forward_ssh(struct cli *cli, const Openshell__V1__Sandbox *sandbox, const char *name,
    const struct listener_address *address, bool background, struct why *why) must_check;

#endif
