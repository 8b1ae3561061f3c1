/* Sandboxes as the command line shows and finds them. */
#ifndef CLIENTS_CLI_SANDBOX_H
#define CLIENTS_CLI_SANDBOX_H

#include "clients/cli/cli.h"

/* "Ready" and so on; by the number of the phase. */
const char *phase_name(int phase);
int sandbox_phase(const Openshell__V1__Sandbox *sandbox);

/* The fields of a list row. */
json_t *sandbox_json(const Openshell__V1__Sandbox *sandbox);

/* "reason: message" of the condition Ready that is False; in the arena; NULL when there is none. */
const char *sandbox_trouble(struct arena *arena, const Openshell__V1__Sandbox *sandbox);

/*
 * The sandbox a command is about: name, or the one that was used last, which is said on standard error.
 * Needs cli->gateway. ERR_NOT_FOUND when neither is there.
 */
enum err sandbox_choose(struct cli *cli, const char *name, char **out, struct why *why) must_check;

/* GetSandbox; the caller frees with call_free. */
enum err sandbox_fetch(struct cli *cli, char *name, Openshell__V1__SandboxResponse **out, struct why *why) must_check;

/* ERR_STATE with its phase and what is the matter, unless it is ready. */
enum err sandbox_ready(
    struct cli *cli, const Openshell__V1__Sandbox *sandbox, const char *name, struct why *why) must_check;

/* Remember it as the one that was used last; that this fails is only a warning. */
void sandbox_used(struct cli *cli, const char *name);

/*
 * Connect, hear signals from now on, and fetch a sandbox to work in: it is ready, and the one used last.
 *
 * out  call_free; NULL unless OK
 */
enum err sandbox_enter(struct cli *cli, char *name, Openshell__V1__SandboxResponse **out, struct why *why) must_check;

/* Is it "True"? And what the name of a wall's condition begins with. */
#define WALL_PREFIX "Wall."
bool condition_true(const Openshell__V1__SandboxCondition *condition);
bool condition_wall(const Openshell__V1__SandboxCondition *condition);

#endif
