/* Carrying files: a stream at a time, until both ends say that all is in place. */
#include "clients/cli/carry.h"

#include <inttypes.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/transfer/parcel.h"

#define PACK		 "/opt/openshell/agent/pack"
#define PIECE_BYTES	 (64u << 10) /* of one message */
#define RETRY_MS	 250
#define LAST_WORDS_MS	 2000 /* for pack to remove what is half there */
#define SHOW_EVERY_MS	 100
#define CODE_UNAVAILABLE 14
#define CODE_NOT_READY	 9 /* FAILED_PRECONDITION */
#define ERRORS_MAX	 400

struct carrying {
	struct cli *cli;
	const struct carry_end *end;
	struct rpc_stream *stream;
	bool exited, ended, broken; /* broken: it broke off once */
	int exit_code;
	struct rpc_status status;
	enum err r; /* of this end */
	struct why why;
	char errors[ERRORS_MAX + 1]; /* what pack wrote there */
	size_t errors_length;
	uint64_t began_ms, shown_ms, heard_ms;
	uint64_t before; /* bytes that earlier packs had */
	struct timer sum;
	char piece[PIECE_BYTES];
};

/* ---- on the terminal ---- */

const char *
size_text(uint64_t bytes, char to[SIZE_TEXT_BYTES])
{
	static const char *const units[] = {"KiB", "MiB", "GiB", "TiB"};
	struct text text = {to, 0, SIZE_TEXT_BYTES, false};
	double size = (double)bytes / 1024;
	size_t unit = 0;

	for (; size >= 1024 && unit < sizeof(units) / sizeof(units[0]) - 1; unit++)
		size /= 1024;
	if (bytes < 1024)
		text_add(&text, "%" PRIu64 " bytes", bytes);
	else
		text_add(&text, "%.1f %s", size, units[unit]);
	return to;
}

/* "12.0 MiB of 40.0 MiB, 100.0 MiB/s, 3 s left" */
static void
show(struct carrying *carrying)
{
	uint64_t now = clock_ms(), elapsed = now - carrying->began_ms;
	struct carried carried;
	char line[200], done[SIZE_TEXT_BYTES], all[SIZE_TEXT_BYTES], rate[SIZE_TEXT_BYTES];
	struct text text = TEXT_OF(line);
	double each_ms;

	if (now - carrying->shown_ms < SHOW_EVERY_MS || elapsed == 0)
		return;
	carrying->shown_ms = now;
	carried = carrying->end->carried(carrying->end->self);
	if (carried.sum_all > 0) {
		text_add(&text, "looking at what is there: %s of %s", size_text(carried.summed, done),
		    size_text(carried.sum_all, all));
		progress_detail(&carrying->cli->progress, line);
		return;
	}
	carried.bytes_all = carried.bytes_all < carried.bytes ? carried.bytes : carried.bytes_all;
	each_ms = (double)(carried.bytes + carrying->before) / (double)elapsed;
	text_add(&text, "%s of %s, %s/s", size_text(carried.bytes + carrying->before, done),
	    size_text(carried.bytes_all + carrying->before, all), size_text((uint64_t)(each_ms * 1000), rate));
	if (each_ms > 0)
		text_add(&text, ", %.0f s left", (double)(carried.bytes_all - carried.bytes) / each_ms / 1000);
	progress_detail(&carrying->cli->progress, line);
}

void
carry_done(struct cli *cli, const char *words, const struct carried *carried)
{
	char size[SIZE_TEXT_BYTES];

	progress_stop(&cli->progress);
	printf("%s: %" PRIu64 " %s, %s\n", words, carried->entries, carried->entries == 1 ? "entry" : "entries",
	    size_text(carried->bytes, size));
}

/* ---- the stream ---- */

static void
send_bytes(struct carrying *carrying, const void *bytes, size_t length)
{
	Openshell__V1__ExecSandboxInput input = OPENSHELL__V1__EXEC_SANDBOX_INPUT__INIT;

	input.payload_case = OPENSHELL__V1__EXEC_SANDBOX_INPUT__PAYLOAD_STDIN;
	input.stdin = (ProtobufCBinaryData){length, (uint8_t *)(uintptr_t)bytes};
	rpc_stream_send(carrying->stream, &input.base);
}

static void pump(struct carrying *carrying);

static void
sum_on(void *self)
{
	struct carrying *carrying = self;

	pump(carrying);
	show(carrying);
}

/* What this end has to say, as long as the stream takes it. What it sums goes by slices: the loop has its turn between. */
static void
pump(struct carrying *carrying)
{
	const struct carry_end *end = carrying->end;
	size_t n = 1;

	while (n > 0 && carrying->r == OK && !carrying->ended && carrying->stream != NULL &&
	       rpc_stream_room(carrying->stream) > 0) {
		carrying->r = end->pull(end->self, carrying->piece, sizeof(carrying->piece), &n, &carrying->why);
		if (carrying->r == OK && n > 0)
			send_bytes(carrying, carrying->piece, n);
	}
	if (n == 0 && carrying->r == OK && end->carried(end->self).sum_all > 0)
		loop_timer_set(carrying->cli->loop, &carrying->sum, 0, sum_on, carrying);
}

static void
errors_keep(struct carrying *carrying, const ProtobufCBinaryData *data)
{
	size_t room = ERRORS_MAX - carrying->errors_length, n = data->len < room ? data->len : room;

	memcpy(carrying->errors + carrying->errors_length, data->data, n);
	carrying->errors_length += n;
}

static bool
carry_message(void *self, struct rpc_stream *stream, const ProtobufCMessage *message)
{
	const Openshell__V1__ExecSandboxEvent *event = (const Openshell__V1__ExecSandboxEvent *)message;
	struct carrying *carrying = self;

	(void)stream;
	if (event->payload_case == OPENSHELL__V1__EXEC_SANDBOX_EVENT__PAYLOAD_EXIT) {
		carrying->exited = true;
		carrying->exit_code = event->exit->exit_code;
	} else if (event->payload_case == OPENSHELL__V1__EXEC_SANDBOX_EVENT__PAYLOAD_STDERR &&
		   event->stderr->has_data) {
		errors_keep(carrying, &event->stderr->data);
	} else if (event->payload_case == OPENSHELL__V1__EXEC_SANDBOX_EVENT__PAYLOAD_STDOUT &&
		   event->stdout->has_data && carrying->r == OK) {
		const ProtobufCBinaryData *data = &event->stdout->data;

		carrying->heard_ms = clock_ms();
		carrying->r =
		    carrying->end->feed(carrying->end->self, span_of_bytes(data->data, data->len), &carrying->why);
		pump(carrying);
		show(carrying);
	}
	return true;
}

static void
carry_ended(void *self, struct rpc_stream *stream, const struct rpc_status *status)
{
	struct carrying *carrying = self;

	(void)stream;
	carrying->ended = true;
	carrying->status = *status;
}

static void
carry_writable(void *self, struct rpc_stream *stream)
{
	(void)stream;
	pump(self);
}

static enum err
stream_open(struct carrying *carrying, const Openshell__V1__Sandbox *sandbox, const char *verb, const char *path,
    struct why *why)
{
	const struct rpc_stream_config config = {
	    .path = "/openshell.v1.OpenShell/ExecSandboxInteractive",
	    .response = &openshell__v1__exec_sandbox_event__descriptor,
	    .self = carrying,
	    .message = carry_message,
	    .ended = carry_ended,
	    .writable = carry_writable,
	};
	Openshell__V1__ExecSandboxRequest start = OPENSHELL__V1__EXEC_SANDBOX_REQUEST__INIT;
	Openshell__V1__ExecSandboxInput input = OPENSHELL__V1__EXEC_SANDBOX_INPUT__INIT;
	const char *command[] = {PACK, verb, path};
	enum err r;

	start.sandbox_id = sandbox->metadata->id;
	start.command = (char **)(uintptr_t)command;
	start.n_command = sizeof(command) / sizeof(command[0]);
	input.payload_case = OPENSHELL__V1__EXEC_SANDBOX_INPUT__PAYLOAD_START;
	input.start = &start;
	carrying->stream = NULL;
	carrying->exited = carrying->ended = false;
	carrying->errors_length = 0;
	if ((r = rpc_stream_open(
		 carrying->cli->connection.client, &config, &input.base, false, &carrying->stream, why)) == OK)
		pump(carrying);
	return r;
}

/* ---- how it ends ---- */

/* This end gives up: pack is told why, and removes what is half there. */
static void
give_up(struct carrying *carrying, const char *words)
{
	struct parcel failed = {.type = PARCEL_FAILED, .text = span_of_text(words)};
	uint64_t until = clock_ms() + LAST_WORDS_MS;
	char bytes[PARCEL_MAX_BYTES];
	struct why why;

	if (carrying->stream == NULL || carrying->ended)
		return;
	send_bytes(carrying, bytes, parcel_write(&failed, bytes));
	rpc_stream_half_close(carrying->stream);
	while (!carrying->ended && clock_ms() < until)
		if (loop_turn(carrying->cli->loop, 50, &why) != OK)
			break;
	if (!carrying->ended)
		rpc_stream_cancel(carrying->stream);
	carrying->stream = NULL;
}

/* pack ended before it was done, and said nothing that this end heard. */
static enum err
pack_failed(const struct carrying *carrying, struct why *why)
{
	char said[ERRORS_MAX * 2];
	struct text text = TEXT_OF(said);
	size_t n = carrying->errors_length;

	while (n > 0 && carrying->errors[n - 1] == '\n')
		n--;
	parcel_words(span_of_bytes(carrying->errors, n), &text);
	if (carrying->exit_code == 126 || carrying->exit_code == 127)
		return fail(why, ERR_STATE,
		    "files cannot be copied: there is no " PACK " in this sandbox "
		    "(it was made by an older release, or its policy lets /opt be written)");
	return fail(
	    why, ERR_STATE, "pack in the sandbox ended with code %d%s%s", carrying->exit_code, n > 0 ? ": " : "", said);
}

/* A break: the way to the sandbox is gone, not the sandbox. It is not ready again before its session is back. */
static bool
is_break(const struct carrying *carrying)
{
	return carrying->r == OK && !carrying->exited && carrying->ended &&
	       (carrying->status.code == CODE_UNAVAILABLE ||
		   (carrying->broken && carrying->status.code == CODE_NOT_READY)) &&
	       carrying->cli->signal == 0 && clock_ms() - carrying->heard_ms < CARRY_PATIENCE_MS;
}

static enum err
result(struct carrying *carrying, struct why *why)
{
	if (carrying->cli->signal != 0) {
		give_up(carrying, "interrupted");
		return fail(why, ERR_CANCELLED, "interrupted");
	}
	if (carrying->r != OK) {
		*why = carrying->why;
		give_up(carrying, why->text);
		return carrying->r;
	}
	if (carrying->end->over(carrying->end->self))
		return OK;
	if (carrying->exited)
		return pack_failed(carrying, why);
	if (carrying->status.code != 0)
		return connection_why(&carrying->status, ERR_UNAVAILABLE, why);
	return fail(why, ERR_PROTOCOL, "the gateway ended the stream before all was copied");
}

/* Nothing more is to be waited for. */
static bool
is_over(const struct carrying *carrying)
{
	return carrying->cli->signal != 0 || carrying->r != OK || carrying->ended || carrying->exited;
}

static enum err
go_on(struct carrying *carrying, struct why *why)
{
	const struct carry_end *end = carrying->end;
	enum err r;

	carrying->broken = true;
	progress_detail(&carrying->cli->progress, "the connection broke; going on where it was");
	if ((r = cli_pause(carrying->cli, RETRY_MS, why)) != OK || (r = cli_reconnect(carrying->cli, why)) != OK)
		return r;
	carrying->before += end->carried(end->self).bytes;
	end->again(end->self);
	return OK;
}

enum err
carry_run(struct cli *cli, const Openshell__V1__Sandbox *sandbox, const char *verb, const char *path,
    const struct carry_end *end, struct carried *out, struct why *why)
{
	struct carrying *carrying = calloc(1, sizeof(*carrying));
	enum err r;

	if (carrying == NULL)
		abort();
	carrying->cli = cli;
	carrying->end = end;
	carrying->began_ms = carrying->heard_ms = clock_ms();
	r = stream_open(carrying, sandbox, verb, path, why);
	while (r == OK) {
		while (r == OK && !is_over(carrying))
			r = loop_turn(cli->loop, -1, why);
		if (r != OK || !is_break(carrying) || end->over(end->self))
			break;
		while (clock_ms() - carrying->heard_ms < CARRY_PATIENCE_MS &&
		       (r = go_on(carrying, why)) == ERR_UNAVAILABLE)
			;
		if (r == OK)
			r = stream_open(carrying, sandbox, verb, path, why);
	}
	if (r == OK)
		r = result(carrying, why);
	*out = end->carried(end->self);
	out->bytes += carrying->before;
	if (carrying->stream != NULL && !carrying->ended)
		rpc_stream_cancel(carrying->stream);
	loop_timer_stop(cli->loop, &carrying->sum);
	free(carrying);
	return r;
}
