/* The providers that `sandbox create` attaches: those that are named, and the one that the command needs. */
#ifndef CLIENTS_CLI_PROVIDER_AUTO_H
#define CLIENTS_CLI_PROVIDER_AUTO_H

#include "clients/cli/cli.h"

/*
 * Find them, and make those that are missing of what is on this machine where that is wished. Connects only when there
 * is something to ask. Variables of --env that look like secrets are warned about.
 *
 * out     names, in the arena
 * errors  ERR_NOT_FOUND one is missing and is not to be made
 */
enum err provider_auto(struct cli *cli, char ***out, size_t *n, struct why *why) must_check;

#endif
