/*
 * command: a caller's command in a sandbox, from its request to its exit: what ExecSandbox and ExecSandboxInteractive
 * have in common. Output goes no faster than the caller takes it; the exit comes once, last.
 */
#ifndef API_COMMAND_H
#define API_COMMAND_H

#include "services/api/intake.h"
#include "services/api/target.h"

struct command {
	struct work work; /* the state of its call, once its sandbox is known to be ready */
	struct passage *passage;
	bool opened, tty;
	struct intake intake; /* of the caller's standard input */
	struct span size;     /* of the terminal, as channel 3 has it; borrowed; empty: nothing to tell */
};

/*
 * Begin: read and check the request, and find its sandbox. Until the command runs no message of the call is taken.
 *
 * request  may go after this function, unlike what command->intake borrows
 * command  in the call's arena; all but intake is zero
 */
void command_begin(
    struct api *api, struct rpc_call *call, const Openshell__V1__ExecSandboxRequest *request, struct command *command);

/* Its terminal has another size, which is told as soon as there is credit; the newest counts. */
void command_resize(struct command *command, struct span size);

#endif
