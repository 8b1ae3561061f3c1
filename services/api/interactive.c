/* interactive: ExecSandboxInteractive: a command whose input and terminal size come while it runs. */
#include "services/api/command.h"
#include "services/api/methods.h"

#define SIZE_BYTES 4 /* columns, rows: 16 bits each, big-endian */

struct interactive {
	struct command command;
	char size[SIZE_BYTES];
};

static void
size_take(struct interactive *interactive, const Openshell__V1__ExecSandboxWindowResize *in)
{
	if (!interactive->command.tty || in->cols == 0 || in->rows == 0 || in->cols > UINT16_MAX ||
	    in->rows > UINT16_MAX)
		return;
	interactive->size[0] = (char)(in->cols >> 8);
	interactive->size[1] = (char)in->cols;
	interactive->size[2] = (char)(in->rows >> 8);
	interactive->size[3] = (char)in->rows;
	command_resize(&interactive->command, span_of_bytes(interactive->size, SIZE_BYTES));
}

static void
begin(struct api *api, struct rpc_call *call, const Openshell__V1__ExecSandboxInput *in)
{
	struct interactive *interactive = arena_alloc(rpc_arena(call), sizeof(*interactive));
	struct why why = {0};
	enum err r = OK;

	if (in == NULL || in->payload_case != OPENSHELL__V1__EXEC_SANDBOX_INPUT__PAYLOAD_START)
		r = fail(&why, ERR_INVALID, "the first message must be start");
	else if (interactive == NULL)
		r = fail(&why, ERR_LIMIT, "the request needs too much memory");
	if (r != OK) {
		call_fail(call, r, &why);
		return;
	}
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
	struct command *command = (struct command *)interactive;
	struct why why = {0};

	if (command == NULL) {
		begin(self, call, in);
	} else if (in == NULL) {
		intake_end(&command->intake, command->passage);
	} else if (in->payload_case == OPENSHELL__V1__EXEC_SANDBOX_INPUT__PAYLOAD_STDIN) {
		intake_take(&command->intake, command->passage, span_of_bytes(in->stdin.data, in->stdin.len));
	} else if (in->payload_case == OPENSHELL__V1__EXEC_SANDBOX_INPUT__PAYLOAD_RESIZE) {
		size_take(interactive, in->resize);
	} else if (in->payload_case == OPENSHELL__V1__EXEC_SANDBOX_INPUT__PAYLOAD_START) {
		command->work.gone(&command->work);
		call_fail(call, fail(&why, ERR_INVALID, "start comes once"), &why);
	}
}
