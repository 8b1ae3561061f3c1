/* Running the system's OpenSSH: found in PATH, waited for, the terminal given back. */
#ifndef CLIENTS_CLI_SSH_CHILD_H
#define CLIENTS_CLI_SSH_CHILD_H

#include "clients/cli/cli.h"
#include "clients/cli/ssh_command.h"
#include "clients/cli/ssh_session.h"
#include "common/os/child.h"

/* All of a plan but its sandbox: this program, the gateway that cli is connected to, the workspace. */
enum err ssh_plan_fill(struct cli *cli, struct ssh_plan *out, struct why *why) must_check;

/*
 * Path of a program of PATH, in the arena.
 *
 * errors  ERR_NOT_FOUND it is not installed: for ssh with which package brings it
 */
enum err program_find(struct cli *cli, const char *name, const char **out, struct why *why) must_check;

/* Bring words as ssh_words makes them; $OPENSHELL_SSH_LOG_LEVEL is the level, else -v says it. */
enum err ssh_begin(
    struct cli *cli, const struct ssh_plan *plan, const char **words, size_t *count, struct why *why) must_check;

/*
 * Start ssh in the foreground of this program's terminal, with the session's token in its environment.
 *
 * words   NULL-terminated
 * fds     its descriptors 0 to 2; -1 is /dev/null
 * errors  as program_find; ERR_SYSTEM
 */
enum err ssh_start(struct cli *cli, const struct ssh_session *session, const char *const *words, const int fds[3],
    bool own_session, struct child *out, struct why *why) must_check;

#define SSH_FAILED 255 /* its exit code where it is not that of what it ran */

/*
 * The same, and wait until it ends: Ctrl-C is its own; SIGTERM and SIGHUP are passed on.
 *
 * out_code  as a shell would say it; 130 where Ctrl-C ended it
 */
enum err ssh_run(struct cli *cli, const struct ssh_session *session, const char *const *words, int *out_code,
    struct why *why) must_check;

#endif
