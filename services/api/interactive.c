/* interactive: ExecSandboxInteractive: a command whose input and terminal size come while it runs. */
#include <stdlib.h>

#include "services/api/command.h"
#include "services/api/methods.h"

#define SIZE_BYTES 4 /* columns, rows: 16 bits each, big-endian */

struct interactive {
	struct command command;
	char *kept; /* input that there is no credit for */
	char size[SIZE_BYTES];
};

/* All of it is written: the caller may send more. */
static void
fed(struct command *command)
{
	struct interactive *interactive = (struct interactive *)command;

	free(interactive->kept);
	interactive->kept = NULL;
	rpc_resume(command->work.call);
}

static void
done(struct command *command)
{
	struct interactive *interactive = (struct interactive *)command;

	free(interactive->kept);
	interactive->kept = NULL;
}

/* What cannot be written now is kept, and no more taken until it could. */
static void
input_take(struct interactive *interactive, struct span bytes)
{
	struct command *command = &interactive->command;

	rpc_pause(command->work.call);
	command->input = bytes;
	command_feed(command);
	if (command->input.length == 0)
		return;
	if ((interactive->kept = malloc(command->input.length)) == NULL)
		abort();
	memcpy(interactive->kept, command->input.at, command->input.length);
	command->input.at = interactive->kept;
}

/* The newest size counts: one that waits for credit is overwritten. */
static void
size_take(struct interactive *interactive, const Openshell__V1__ExecSandboxWindowResize *in)
{
	struct command *command = &interactive->command;

	if (!command->tty || in->cols == 0 || in->rows == 0 || in->cols > UINT16_MAX || in->rows > UINT16_MAX)
		return;
	interactive->size[0] = (char)(in->cols >> 8);
	interactive->size[1] = (char)in->cols;
	interactive->size[2] = (char)(in->rows >> 8);
	interactive->size[3] = (char)in->rows;
	command->size = span_of_bytes(interactive->size, SIZE_BYTES);
	command_feed(command);
}

static void
begin(struct api *api, struct rpc_call *call, const Openshell__V1__ExecSandboxInput *in)
{
	struct interactive *interactive = arena_alloc(rpc_arena(call), sizeof(*interactive));
	struct why why = {0};

	if (in == NULL || in->payload_case != OPENSHELL__V1__EXEC_SANDBOX_INPUT__PAYLOAD_START) {
		call_fail(call, fail(&why, ERR_INVALID, "the first message must be start"), &why);
		return;
	}
	if (interactive == NULL) {
		call_fail(call, fail(&why, ERR_LIMIT, "the request needs too much memory"), &why);
		return;
	}
	interactive->command.fed = fed;
	interactive->command.done = done;
	rpc_pause(call); /* until the command runs */
	command_begin(api, call, in->start, &interactive->command);
}

/*
 * ExecSandboxInteractive. A caller that half-closes has ended the command's input; one that goes, or whose deadline
 * passes, ends the command.
 *
 * errors  those of ExecSandbox; INVALID_ARGUMENT the first message is not start, or a later one is
 */
void
sandbox_exec_interactive(void *self, struct rpc_call *call, const ProtobufCMessage *message)
{
	const Openshell__V1__ExecSandboxInput *in = (const Openshell__V1__ExecSandboxInput *)message;
	struct interactive *interactive = rpc_state(call);
	struct why why = {0};

	if (interactive == NULL) {
		begin(self, call, in);
	} else if (in == NULL) {
		interactive->command.input_ends = true;
		command_feed(&interactive->command);
	} else if (in->payload_case == OPENSHELL__V1__EXEC_SANDBOX_INPUT__PAYLOAD_STDIN) {
		input_take(interactive, span_of_bytes(in->stdin.data, in->stdin.len));
	} else if (in->payload_case == OPENSHELL__V1__EXEC_SANDBOX_INPUT__PAYLOAD_RESIZE) {
		size_take(interactive, in->resize);
	} else if (in->payload_case == OPENSHELL__V1__EXEC_SANDBOX_INPUT__PAYLOAD_START) {
		interactive->command.work.gone(&interactive->command.work);
		call_fail(call, fail(&why, ERR_INVALID, "start comes once"), &why);
	}
}
