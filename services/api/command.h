/*
 * command: a caller's command in a sandbox, from its request to its exit: what ExecSandbox and ExecSandboxInteractive
 * have in common. Output goes no faster than the caller takes it; the exit comes once, last.
 */
#ifndef API_COMMAND_H
#define API_COMMAND_H

#include "services/api/passage.h"
#include "services/api/target.h"

struct command {
	struct work work; /* the state of its call, once its sandbox is known to be ready */
	struct passage *passage;
	bool opened, tty;
	struct span input; /* of the caller's standard input what is to be written; borrowed */
	bool input_ends;   /* nothing follows it */
	struct span size;  /* of the terminal, as channel 3 has it; borrowed; empty: nothing to tell */
	/* All input is written, and more may come; on opened too. NULL: none will. */
	void (*fed)(struct command *command);
	/* The call is over. NULL: nothing to do. */
	void (*done)(struct command *command);
};

/*
 * Begin: read and check the request, and find its sandbox.
 *
 * request  may go after this function, unlike its stdin
 * command  has fed and done set, and input with input_ends when all of it is there; in the call's arena, all else zero
 */
void command_begin(
    struct api *api, struct rpc_call *call, const Openshell__V1__ExecSandboxRequest *request, struct command *command);

/* There is more input, or an end of it, or another size. */
void command_feed(struct command *command);

#endif
