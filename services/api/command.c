/* command: begun, fed, its output passed on, its exit told. */
#include "services/api/command.h"

#include "common/base/text.h"
#include "services/api/check.h"

/* ---- output ---- */

static void
output_send(struct command *command, uint8_t channel, struct span bytes)
{
	Openshell__V1__ExecSandboxEvent event = OPENSHELL__V1__EXEC_SANDBOX_EVENT__INIT;
	Openshell__V1__ExecSandboxStdout out = OPENSHELL__V1__EXEC_SANDBOX_STDOUT__INIT;
	Openshell__V1__ExecSandboxStderr err = OPENSHELL__V1__EXEC_SANDBOX_STDERR__INIT;

	out.has_data = err.has_data = true;
	out.data = err.data = (ProtobufCBinaryData){bytes.length, (uint8_t *)bytes.at};
	event.payload_case = channel == 1 ? OPENSHELL__V1__EXEC_SANDBOX_EVENT__PAYLOAD_STDOUT
					  : OPENSHELL__V1__EXEC_SANDBOX_EVENT__PAYLOAD_STDERR;
	if (channel == 1)
		event.stdout = &out;
	else
		event.stderr = &err;
	rpc_send(command->work.call, &event.base);
}

static void
exit_send(struct command *command, uint16_t exit_code)
{
	Openshell__V1__ExecSandboxEvent event = OPENSHELL__V1__EXEC_SANDBOX_EVENT__INIT;
	Openshell__V1__ExecSandboxExit end = OPENSHELL__V1__EXEC_SANDBOX_EXIT__INIT;

	end.has_exit_code = true;
	end.exit_code = exit_code;
	event.payload_case = OPENSHELL__V1__EXEC_SANDBOX_EVENT__PAYLOAD_EXIT;
	event.exit = &end;
	rpc_send(command->work.call, &event.base);
}

/* ---- the terminal's size ---- */

static void
size_flow(struct command *command)
{
	if (command->size.length == 0 || passage_room(command->passage, 3) < command->size.length)
		return;
	(void)passage_write(command->passage, 3, command->size);
	command->size = SPAN_NONE;
}

void
command_resize(struct command *command, struct span size)
{
	command->size = size;
	size_flow(command);
}

/* ---- from the passage ---- */

static void
opened(void *self)
{
	struct command *command = self;

	command->opened = true;
	intake_flow(&command->intake, command->passage);
}

static bool
data(void *self, uint8_t channel, struct span bytes)
{
	struct command *command = self;

	if (rpc_room(command->work.call) == 0)
		return false;
	output_send(command, channel, bytes);
	return true;
}

static void
room(void *self, uint8_t channel)
{
	struct command *command = self;

	if (channel == 3)
		size_flow(command);
	else
		intake_flow(&command->intake, command->passage);
}

/* A command that cannot be executed ends as a shell would end it: words on its standard error, and 127 or 126. */
static void
not_executed(struct command *command, enum err r, const struct why *why)
{
	char words[WHY_BYTES + 1];
	struct text t = TEXT_OF(words);

	text_add(&t, "%s\n", why->text);
	output_send(command, command->tty ? 1 : 2, text_span(&t));
	exit_send(command, r == ERR_NOT_FOUND ? 127 : 126);
}

static void
over(void *self, enum err r, uint16_t exit_code, const struct why *why)
{
	struct command *command = self;

	command->passage = NULL;
	if (r == OK) {
		exit_send(command, exit_code);
	} else if (!command->opened && (r == ERR_NOT_FOUND || r == ERR_DENIED)) {
		not_executed(command, r, why);
		r = OK;
	}
	intake_done(&command->intake);
	call_fail(command->work.call, r, why);
}

static const struct passage_owner owner = {.opened = opened, .data = data, .room = room, .over = over};

/* ---- the call ---- */

static void
gone(struct work *work)
{
	struct command *command = (struct command *)work;

	passage_leave(command->passage);
	command->passage = NULL;
	intake_done(&command->intake);
}

static void
writable(struct work *work)
{
	passage_read(((struct command *)work)->passage);
}

/* In the arena, as far as the message may go. */
static enum err
start_read(
    struct arena *arena, const Openshell__V1__ExecSandboxRequest *in, struct msg_exec_start *out, struct why *why)
{
	enum err r;

	if ((r = check_exec(arena, in, &out->environment, &out->environment_n, why)) != OK)
		return r;
	if ((out->command = arena_array(arena, in->n_command, sizeof(*out->command))) == NULL)
		return fail(why, ERR_LIMIT, "the request needs too much memory");
	for (size_t i = 0; r == OK && i < in->n_command; i++)
		r = arena_span(arena, span_of_text(in->command[i]), &out->command[i]);
	out->command_n = in->n_command;
	if (r != OK || (r = arena_span(arena, span_of_text(in->workdir), &out->workdir)) != OK)
		return fail(why, r, "the request needs too much memory");
	out->tty = in->has_tty && in->tty;
	out->columns = (uint16_t)in->cols;
	out->rows = (uint16_t)in->rows;
	out->timeout_ms = in->timeout_seconds * 1000ull;
	return OK;
}

/* A request that is looked at until its sandbox is known. */
struct beginning {
	struct msg_exec_start start;
	struct command *command;
};

static void
looked_up(struct ask *ask, enum err r, struct msg *answer, struct why *why)
{
	struct beginning *beginning = ask->detail;
	struct command *command = beginning->command;
	struct rpc_call *call = ask->work.call;

	if ((r = target_ready(r, answer, why)) != OK) {
		ask_fail(ask, r, why);
		return;
	}
	beginning->start.sandbox = answer->sandbox_row.sandbox;
	command->work = (struct work){.api = ask->work.api, .call = call, .gone = gone, .writable = writable};
	command->tty = beginning->start.tty;
	rpc_set_state(call, &command->work);
	passage_set_queue(call);
	rpc_begin(call);
	command->passage = passage_open(ask->work.api, &beginning->start, &owner, command);
}

void
command_begin(
    struct api *api, struct rpc_call *call, const Openshell__V1__ExecSandboxRequest *request, struct command *command)
{
	struct msg question = {.id = SANDBOX_GET};
	struct beginning beginning = {.command = command};
	struct why why = {0};
	struct ask *ask;
	enum err r;

	if ((r = target_read(request->sandbox_id, request->workspace, &question.sandbox_get, &why)) != OK ||
	    (r = start_read(rpc_arena(call), request, &beginning.start, &why)) != OK) {
		call_fail(call, r, &why);
		return;
	}
	if ((ask = ask_new(api, call, NULL, sizeof(beginning))) == NULL)
		return;
	if (!command->intake.ends)
		intake_hold(&command->intake, call);
	memcpy(ask->detail, &beginning, sizeof(beginning));
	ask_put(ask, ROLE_STATE, &question, SANDBOX_ROW, looked_up);
}
