/* sandbox exec: run a command, pass its bytes and its exit code through. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "clients/cli/commands.h"
#include "clients/cli/map.h"
#include "clients/cli/sandbox.h"
#include "clients/cli/sink.h"
#include "common/base/clean.h"

#define STDIN_MAX   ((1u << 20) - (64u << 10)) /* one request holds it, and the gateway takes 1 MiB */
#define STDIN_FIRST (16u << 10)
#define PHASE_READY OPENSHELL__V1__SANDBOX_PHASE__SANDBOX_PHASE_READY

struct execution {
	struct cli *cli;
	struct rpc_stream *stream;
	struct sink out, err;
	bool exited, ended;
	int exit_code;
	struct rpc_status status;
};

/* Make room for more; 1 byte above STDIN_MAX shows that there is too much. */
static uint8_t *
stdin_grow(uint8_t *bytes, size_t *room)
{
	*room = *room == 0 ? STDIN_FIRST : *room * 2 > STDIN_MAX ? STDIN_MAX + 1 : *room * 2;
	if ((bytes = realloc(bytes, *room)) == NULL)
		abort();
	return bytes;
}

/* All of standard input, where it is no terminal; the caller frees out->data. */
static enum err
stdin_read(ProtobufCBinaryData *out, struct why *why)
{
	size_t room = 0;

	*out = (ProtobufCBinaryData){0, NULL};
	if (isatty(STDIN_FILENO))
		return OK;
	while (out->len <= STDIN_MAX) {
		ssize_t n;

		if (out->len == room)
			out->data = stdin_grow(out->data, &room);
		n = read(STDIN_FILENO, out->data + out->len, room - out->len);
		if (n == 0)
			return OK;
		if (n < 0 && errno != EINTR)
			return fail_errno(why, ERR_SYSTEM, "standard input");
		out->len += n > 0 ? (size_t)n : 0;
	}
	return fail(why, ERR_LIMIT,
	    "standard input has more than %u bytes, which is what one command can be given in this release",
	    STDIN_MAX);
}

static void
resume(void *self)
{
	struct execution *execution = self;

	if (!execution->ended)
		rpc_stream_resume(execution->stream);
}

static bool
bytes_write(struct sink *sink, protobuf_c_boolean has, const ProtobufCBinaryData *data)
{
	return !has || sink_write(sink, (struct span){(const char *)data->data, data->len});
}

static bool
execution_message(void *self, struct rpc_stream *stream, const ProtobufCMessage *message)
{
	const Openshell__V1__ExecSandboxEvent *event = (const Openshell__V1__ExecSandboxEvent *)message;
	struct execution *execution = self;

	(void)stream;
	switch (event->payload_case) {
	case OPENSHELL__V1__EXEC_SANDBOX_EVENT__PAYLOAD_STDOUT:
		return bytes_write(&execution->out, event->stdout->has_data, &event->stdout->data);
	case OPENSHELL__V1__EXEC_SANDBOX_EVENT__PAYLOAD_STDERR:
		return bytes_write(&execution->err, event->stderr->has_data, &event->stderr->data);
	case OPENSHELL__V1__EXEC_SANDBOX_EVENT__PAYLOAD_EXIT:
		execution->exited = true;
		execution->exit_code = event->exit->exit_code;
		return true;
	default:
		return true;
	}
}

static void
execution_ended(void *self, struct rpc_stream *stream, const struct rpc_status *status)
{
	struct execution *execution = self;

	(void)stream;
	execution->ended = true;
	execution->status = *status;
}

/* Is there nothing left to wait for? */
static bool
execution_over(const struct execution *execution)
{
	bool kept = execution->out.kept != NULL || execution->err.kept != NULL;

	return execution->cli->signal != 0 || execution->out.error != 0 || execution->err.error != 0 ||
	       (!kept && (execution->ended || execution->exited));
}

/* How it ended, as an error or an exit code. */
static enum err
execution_result(const struct execution *execution, const char *name, struct why *why)
{
	int error = execution->out.error != 0 ? execution->out.error : execution->err.error;

	if (execution->cli->signal != 0)
		return fail(why, ERR_CANCELLED, "interrupted");
	if (error == EPIPE) { /* the reader has seen enough, as a shell's commands take it */
		execution->cli->exit_code = EXIT_INTERRUPTED + SIGPIPE;
		return OK;
	}
	if (error != 0)
		return fail(why, ERR_SYSTEM, "writing the command's output: %s", strerror(error));
	if (execution->exited) {
		execution->cli->exit_code = execution->exit_code & 0xff;
		if (execution->exit_code != 0 && execution->cli->exit_code == 0)
			execution->cli->exit_code = EXIT_FAILURE;
		return OK;
	}
	if (execution->status.code != 0)
		return because(
		    why, connection_why(&execution->status, ERR_UNAVAILABLE, why), "sandbox %s", name);
	return fail(why, ERR_PROTOCOL,
	    "sandbox %s: the gateway closed the stream without an exit code: whether the command succeeded "
	    "is unknown",
	    name);
}

static enum err
execution_run(
    struct cli *cli, const Openshell__V1__ExecSandboxRequest *request, const char *name, struct why *why)
{
	struct execution execution = {.cli = cli};
	const struct rpc_stream_config config = {
	    .path = "/openshell.v1.OpenShell/ExecSandbox",
	    .response = &openshell__v1__exec_sandbox_event__descriptor,
	    .self = &execution,
	    .message = execution_message,
	    .ended = execution_ended,
	};
	enum err r;

	sink_init(&execution.out, cli->loop, STDOUT_FILENO, resume, &execution);
	sink_init(&execution.err, cli->loop, STDERR_FILENO, resume, &execution);
	r = rpc_stream_open(cli->connection.client, &config, &request->base, true, &execution.stream, why);
	while (r == OK && !execution_over(&execution))
		r = loop_turn(cli->loop, -1, why);
	if (execution.stream != NULL && !execution.ended) {
		rpc_stream_cancel(execution.stream);
		if (!execution.exited && loop_turn(cli->loop, 0, NULL) != OK) /* let the cancel go out */
			r = r == OK ? ERR_SYSTEM : r;
	}
	sink_done(&execution.out);
	sink_done(&execution.err);
	return r == OK ? execution_result(&execution, name, why) : r;
}

static void
terminal_fill(const struct cli *cli, Openshell__V1__ExecSandboxRequest *request)
{
	struct winsize size;

	if (!cli_on(cli, FLAG_TTY))
		return;
	request->has_tty = request->tty = true;
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0)
		return;
	request->has_cols = request->has_rows = true;
	request->cols = size.ws_col;
	request->rows = size.ws_row;
}

static void
request_fill(struct cli *cli, Openshell__V1__ExecSandboxRequest *request)
{
	const struct value *env = &cli->args.values[FLAG_ENV];

	request->command = (char **)(uintptr_t)cli->args.operands;
	request->n_command = cli->args.operands_count;
	request->workdir = (char *)(uintptr_t)cli_text(cli, FLAG_WORKDIR);
	request->timeout_seconds = (uint32_t)cli->args.values[FLAG_TIMEOUT].number;
	request->has_timeout_seconds = request->timeout_seconds > 0;
	request->has_stdin = request->stdin.len > 0;
	MAP_FILL(&cli->arena, openshell__v1__exec_sandbox_request__environment_entry, request->environment,
	    request->n_environment, env->list, env->count);
	terminal_fill(cli, request);
}

/* Everything after standard input was read. */
static enum err
exec_in(struct cli *cli, Openshell__V1__ExecSandboxRequest *request, struct why *why)
{
	Openshell__V1__SandboxResponse *answer;
	char *name;
	int phase;
	enum err r;

	if ((r = cli_connect(cli, why)) != OK || (r = cli_signals(cli, why)) != OK ||
	    (r = sandbox_choose(cli, cli_text(cli, FLAG_NAME), &name, why)) != OK ||
	    (r = sandbox_fetch(cli, name, &answer, why)) != OK)
		return r;
	phase = sandbox_phase(answer->sandbox);
	if (phase == PHASE_READY) {
		sandbox_used(cli, name);
		request->sandbox_id = answer->sandbox->metadata->id;
		request_fill(cli, request);
		r = execution_run(cli, request, name, why);
	} else {
		const char *trouble = sandbox_trouble(&cli->arena, answer->sandbox);

		r = fail(why, ERR_STATE, "sandbox %s: sandbox is not ready: it is in phase %s%s%.300s", name,
		    phase_name(phase), trouble == NULL ? "" : ", ", trouble == NULL ? "" : trouble);
	}
	call_free(answer);
	return r;
}

enum err
run_sandbox_exec(struct cli *cli, struct why *why)
{
	Openshell__V1__ExecSandboxRequest request = OPENSHELL__V1__EXEC_SANDBOX_REQUEST__INIT;
	enum err r = stdin_read(&request.stdin, why);

	if (r == OK)
		r = exec_in(cli, &request, why);
	free(request.stdin.data);
	return r;
}
