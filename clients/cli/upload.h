/* Copying a file or directory of this machine into a sandbox. */
#ifndef CLIENTS_CLI_UPLOAD_H
#define CLIENTS_CLI_UPLOAD_H

#include "clients/cli/cli.h"

/*
 * Copy it, and say so.
 *
 * local   a directory lands in remote under its own name; a link is copied as a link
 * remote  NULL or empty: the workspace. A file goes into it where it ends with a slash or is a directory; else it is
 *         what the file will be called
 * whole   also what .gitignore says to leave out
 * errors  ERR_NOT_FOUND, ERR_DENIED, ERR_INVALID of local; carry_run's
 */
enum err upload(struct cli *cli, const Openshell__V1__Sandbox *sandbox, const char *name, const char *local,
    const char *remote, bool whole, struct why *why) must_check;

/* The same for each "LOCAL[:REMOTE]" of create --upload; without REMOTE into the workspace. */
enum err upload_each(
    struct cli *cli, const Openshell__V1__Sandbox *sandbox, const char *name, struct why *why) must_check;

#endif
