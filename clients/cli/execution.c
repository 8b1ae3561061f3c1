/* One command in a sandbox. */
#include "clients/cli/execution.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clients/cli/sink.h"
#include "clients/cli/source.h"
#include "clients/cli/terminal.h"
#include "common/base/clean.h"

#define FIRST_BYTES (64u << 10) /* of standard input that go with the request; more is streamed */

struct execution {
	struct cli *cli;
	struct rpc_stream *stream;
	struct source in;
	struct sink out, err;
	bool exited, ended;
	int exit_code;
	struct rpc_status status;
};

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
	source_done(&execution->in);
}

static void
input_room(void *self, struct rpc_stream *stream)
{
	struct execution *execution = self;

	(void)stream;
	source_resume(&execution->in);
}

/* Some of standard input, or its end. */
static bool
input_took(void *self, struct span bytes)
{
	Openshell__V1__ExecSandboxInput input = OPENSHELL__V1__EXEC_SANDBOX_INPUT__INIT;
	struct execution *execution = self;

	if (execution->ended)
		return false;
	if (bytes.length == 0) {
		rpc_stream_half_close(execution->stream);
		return false;
	}
	input.payload_case = OPENSHELL__V1__EXEC_SANDBOX_INPUT__PAYLOAD_STDIN;
	input.stdin = (ProtobufCBinaryData){bytes.length, (uint8_t *)(uintptr_t)bytes.at};
	rpc_stream_send(execution->stream, &input.base);
	return rpc_stream_room(execution->stream) > 0;
}

static void
resized(void *self, int number)
{
	Openshell__V1__ExecSandboxWindowResize resize = OPENSHELL__V1__EXEC_SANDBOX_WINDOW_RESIZE__INIT;
	Openshell__V1__ExecSandboxInput input = OPENSHELL__V1__EXEC_SANDBOX_INPUT__INIT;
	struct execution *execution = self;
	struct terminal_size size;

	(void)number;
	if (execution->ended || execution->stream == NULL || !terminal_size(&size))
		return;
	resize.has_cols = resize.has_rows = true;
	resize.cols = size.columns;
	resize.rows = size.rows;
	input.payload_case = OPENSHELL__V1__EXEC_SANDBOX_INPUT__PAYLOAD_RESIZE;
	input.resize = &resize;
	rpc_stream_send(execution->stream, &input.base);
}

/* Is there nothing left to wait for? */
static bool
execution_over(const struct execution *execution)
{
	bool kept = execution->out.kept != NULL || execution->err.kept != NULL;

	return execution->cli->signal != 0 || execution->out.error != 0 || execution->err.error != 0 ||
	       execution->in.error != 0 || (!kept && (execution->ended || execution->exited));
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
	if (execution->in.error != 0)
		return fail(
		    why, ERR_SYSTEM, "standard input: %s; the command was ended", strerror(execution->in.error));
	if (execution->status.code != 0)
		return because(why, connection_why(&execution->status, ERR_UNAVAILABLE, why), "sandbox %s", name);
	return fail(why, ERR_PROTOCOL,
	    "sandbox %s: the gateway closed the stream without an exit code: whether the command succeeded is unknown",
	    name);
}

/*
 * What standard input has at once, into request->stdin; the caller frees it.
 *
 * out_ended  it is all of it
 */
static enum err
input_first(Openshell__V1__ExecSandboxRequest *request, bool *out_ended, struct why *why)
{
	struct pollfd poll_fd = {.fd = STDIN_FILENO, .events = POLLIN};
	ProtobufCBinaryData *first = &request->stdin;

	*out_ended = isatty(STDIN_FILENO) && !request->tty;
	if (isatty(STDIN_FILENO))
		return OK;
	if ((first->data = malloc(FIRST_BYTES)) == NULL)
		abort();
	while (!*out_ended && first->len < FIRST_BYTES && poll(&poll_fd, 1, 0) == 1) {
		ssize_t n = read(STDIN_FILENO, first->data + first->len, FIRST_BYTES - first->len);

		if (n < 0 && errno == EAGAIN)
			break;
		if (n < 0 && errno != EINTR)
			return fail_errno(why, ERR_SYSTEM, "standard input");
		*out_ended = n == 0;
		first->len += n > 0 ? (size_t)n : 0;
	}
	request->has_stdin = first->len > 0;
	return OK;
}

/* The first message of the stream that takes more input: the request, and behind it what was read already. */
static enum err
execution_stream(struct execution *execution, struct rpc_stream_config *config,
    Openshell__V1__ExecSandboxRequest *request, struct why *why)
{
	Openshell__V1__ExecSandboxInput input = OPENSHELL__V1__EXEC_SANDBOX_INPUT__INIT;
	struct span first = {(const char *)request->stdin.data, request->stdin.len};
	enum err r;

	config->path = "/openshell.v1.OpenShell/ExecSandboxInteractive";
	config->writable = input_room;
	request->has_stdin = false;
	input.payload_case = OPENSHELL__V1__EXEC_SANDBOX_INPUT__PAYLOAD_START;
	input.start = request;
	if ((r = rpc_stream_open(
		 execution->cli->connection.client, config, &input.base, false, &execution->stream, why)) != OK)
		return r;
	for (; first.length > 0; first = span_tail(first, SOURCE_PIECE))
		input_took(execution, span_head(first, SOURCE_PIECE));
	if (isatty(STDIN_FILENO) && ((r = loop_signal(execution->cli->loop, SIGWINCH, resized, execution, why)) != OK ||
					(r = terminal_raw(why)) != OK))
		return r;
	resized(execution, SIGWINCH); /* it may have changed since the request was written */
	return source_start(&execution->in, execution->cli->loop, STDIN_FILENO, input_took, execution, why);
}

static enum err
execution_begin(struct execution *execution, Openshell__V1__ExecSandboxRequest *request, struct why *why)
{
	struct rpc_stream_config config = {
	    .path = "/openshell.v1.OpenShell/ExecSandbox",
	    .response = &openshell__v1__exec_sandbox_event__descriptor,
	    .self = execution,
	    .message = execution_message,
	    .ended = execution_ended,
	};
	bool all;
	enum err r = input_first(request, &all, why);

	if (r == OK && all)
		r = rpc_stream_open(
		    execution->cli->connection.client, &config, &request->base, true, &execution->stream, why);
	else if (r == OK)
		r = execution_stream(execution, &config, request, why);
	free(request->stdin.data);
	request->stdin = (ProtobufCBinaryData){0, NULL};
	return r;
}

enum err
execution_run(struct cli *cli, Openshell__V1__ExecSandboxRequest *request, const char *name, struct why *why)
{
	struct execution execution = {.cli = cli};
	enum err r;

	sink_init(&execution.out, cli->loop, STDOUT_FILENO, resume, &execution);
	sink_init(&execution.err, cli->loop, STDERR_FILENO, resume, &execution);
	r = execution_begin(&execution, request, why);
	while (r == OK && !execution_over(&execution))
		r = loop_turn(cli->loop, -1, why);
	source_done(&execution.in);
	if (execution.stream != NULL && !execution.ended) {
		rpc_stream_cancel(execution.stream);
		if (!execution.exited && loop_turn(cli->loop, 0, NULL) != OK) /* let the cancel go out */
			r = r == OK ? ERR_SYSTEM : r;
	}
	terminal_restore();
	sink_done(&execution.out);
	sink_done(&execution.err);
	r = r == OK ? execution_result(&execution, name, why) : r;
	if (r != OK && execution.out.mid_line && isatty(STDOUT_FILENO) && isatty(STDERR_FILENO))
		fputc('\n', stderr); /* a prompt, say: what is told of the end has a line of its own */
	return r;
}
