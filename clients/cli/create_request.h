/* The CreateSandboxRequest that the flags of `sandbox create` ask for. */
#ifndef CLIENTS_CLI_CREATE_REQUEST_H
#define CLIENTS_CLI_CREATE_REQUEST_H

#include "clients/cli/cli.h"

/* Lives in cli->arena. A wrong image or policy file is said in one sentence. */
enum err create_request(struct cli *cli, Openshell__V1__CreateSandboxRequest **out, struct why *why) must_check;

/*
 * What --from means: an image reference as it is, or a short name in the community's registry.
 *
 * registry  of short names
 * errors    ERR_NOT_FOUND a path that is not there; ERR_UNIMPLEMENTED a Dockerfile or its folder
 */
enum err image_resolve(
    const char *from, const char *registry, struct arena *arena, char **out, struct why *why) must_check;

#endif
