/* exec: ExecSandbox: a command whose whole standard input is in the request. */
#include "services/api/command.h"
#include "services/api/methods.h"

/*
 * ExecSandbox.
 *
 * errors  INVALID_ARGUMENT a limit; NOT_FOUND; FAILED_PRECONDITION "sandbox is not ready"; UNAVAILABLE no session
 *         within 15 s, the command was lost, state or relay away; DEADLINE_EXCEEDED the sandbox is silent
 */
void
sandbox_exec(void *self, struct rpc_call *call, const ProtobufCMessage *message)
{
	const Openshell__V1__ExecSandboxRequest *in = (const Openshell__V1__ExecSandboxRequest *)message;
	struct command *command = arena_alloc(rpc_arena(call), sizeof(*command));
	struct why why = {0};

	if (command == NULL) {
		call_fail(call, fail(&why, ERR_LIMIT, "the request needs too much memory"), &why);
		return;
	}
	if (in->has_stdin)
		command->intake.left = span_of_bytes(in->stdin.data, in->stdin.len);
	command->intake.ends = true;
	command_begin(self, call, in, command);
}
