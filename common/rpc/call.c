/* A call of the server, what comes in: headers, messages, its end, told to the owner when the turn ends. */
#include <stdlib.h>

#include "common/base/id.h"
#include "common/rpc/connection.h"
#include "common/wire/protobuf.h"

#define MESSAGE_ARENA_BYTES (32u << 20) /* a message may be larger unpacked than packed */
#define CALL_ARENA_BYTES    (4u << 20)
#define REQUEST_ID_MAX	    128

struct rpc_call *
call_new(struct connection *connection, int32_t stream)
{
	struct rpc_call *call = calloc(1, sizeof(*call));

	if (call == NULL)
		abort();
	call->connection = connection;
	call->stream = stream;
	call->arena.max_bytes = CALL_ARENA_BYTES;
	call->message.max_bytes = MESSAGE_ARENA_BYTES;
	call->caller = connection->caller;
	call->queue_max = RPC_SEND_QUEUE_MAX;
	list_append(&connection->calls, &call->link);
	return call;
}

void
call_free(struct rpc_call *call)
{
	list_remove(&call->link);
	list_remove(&call->ready);
	loop_timer_stop(call->connection->server->config.loop, &call->deadline);
	buffer_done(&call->in);
	buffer_done(&call->out);
	free(call->status_words);
	arena_reset(&call->message);
	arena_reset(&call->arena);
	free(call);
}

void
call_wake(struct rpc_call *call)
{
	if (call->ready.next == NULL)
		list_append(&call->connection->ready, &call->ready);
	connection_wake(call->connection);
}

void
call_sent(struct rpc_call *call)
{
	if (!call->starved || call->out.length > call->queue_max / 2)
		return;
	call->starved = false;
	call->room_again = true;
	call_wake(call);
}

void
call_header(struct rpc_call *call, struct span name, struct span value)
{
	struct rpc_field *header = &call->headers[call->headers_n];

	call->headers_bytes += name.length + value.length;
	if (call->headers_bytes > HEADER_BYTES_MAX || call->headers_n == HEADERS_MAX) {
		call->headers_too_big = true;
		return;
	}
	if (arena_span(&call->arena, name, &header->name) != OK ||
	    arena_span(&call->arena, value, &header->value) != OK)
		abort(); /* the arena's ceiling is far above */
	call->headers_n++;
	if (span_is(name, ":method"))
		call->method_name = header->value;
	else if (span_is(name, ":path"))
		call->path = header->value;
}

void
call_end(struct rpc_call *call, int status, const char *words)
{
	const struct rpc_server_config *config = &call->connection->server->config;

	if (call->finished)
		return;
	if (call->known && config->cancelled != NULL) {
		call->known = false;
		config->cancelled(config->self, call);
	}
	if (call->overflow)
		buffer_keep(&call->out, call->promised);
	call_status(call, status, words);
}

static void
deadline_passed(void *self)
{
	struct rpc_call *call = self;

	call->expired = true;
	call_wake(call);
}

static bool
printable(struct span text)
{
	for (size_t i = 0; i < text.length; i++)
		if (text.at[i] < '!' || text.at[i] > '~')
			return false;
	return true;
}

static void
request_id_find(struct rpc_call *call)
{
	struct span given = rpc_metadata(call, "x-request-id");
	struct span made = span_of_text(id_text(id_new()));

	if (given.length > 0 && given.length <= REQUEST_ID_MAX && printable(given))
		call->caller.request_id = given;
	else if (arena_span(&call->arena, made, &call->caller.request_id) != OK)
		abort();
}

static const struct rpc_method *
method_find(const struct rpc_method *methods, struct span path)
{
	for (; methods->path != NULL; methods++)
		if (span_is(path, methods->path))
			return methods;
	return NULL;
}

static void
call_http(struct rpc_call *call)
{
	const struct rpc_server_config *config = &call->connection->server->config;

	call->is_http = true;
	if (!call->claimed && call->connection->plain_only) {
		call->connection->closing = true; /* this port speaks TLS: no answer */
		rpc_http_abort(call);
	} else if (call->headers_too_big)
		rpc_http_answer(call, 431, "text/plain", SPAN("request headers too large\n"));
	else if (config->http == NULL)
		rpc_http_answer(call, 404, "text/plain", SPAN("not found\n"));
	else {
		call->known = true;
		config->http(config->self, call, call->method_name, call->path);
	}
}

/* grpc-timeout; false: the call has ended. */
static bool
call_deadline(struct rpc_call *call)
{
	struct span text = rpc_metadata(call, "grpc-timeout");
	struct why why = {0};
	uint64_t ms;

	if (text.length == 0)
		return true;
	if (grpc_timeout_parse(text, &ms, &why) != OK) {
		call_status(call, GRPC_INVALID_ARGUMENT, why.text);
		return false;
	}
	loop_timer_set(call->connection->server->config.loop, &call->deadline, ms, deadline_passed, call);
	return true;
}

static void
call_unknown(struct rpc_call *call)
{
	char *words = arena_format(&call->arena, "unknown method " SPAN_FORMAT, SPAN_ARGS(span_head(call->path, 256)));

	call_status(call, GRPC_UNIMPLEMENTED, words == NULL ? "unknown method" : words);
}

/* The headers are complete: whose call is it, and may it go on? */
static void
call_admit(struct rpc_call *call)
{
	const struct rpc_server_config *config = &call->connection->server->config;
	struct why why = {0};
	enum err r;

	call->caller.authorization = rpc_metadata(call, "authorization");
	request_id_find(call);
	if (config->claim != NULL && config->claim(config->self, call_host(call)))
		call->claimed = true;
	if (call->claimed && call->stream != 0)
		call->expects = http_same(rpc_metadata(call, "expect"), SPAN("100-continue"));
	if (call->claimed || call->connection->plain_only || call->stream == 0 ||
	    !span_starts(rpc_metadata(call, "content-type"), SPAN("application/grpc"))) {
		call_http(call);
		return;
	}
	if (call->headers_too_big) {
		call_status(call, GRPC_RESOURCE_EXHAUSTED, "request headers too large");
		return;
	}
	if ((call->method = method_find(config->methods, call->path)) == NULL) {
		call_unknown(call);
		return;
	}
	if (!call_deadline(call))
		return;
	call->known = true;
	if (config->admit != NULL && (r = config->admit(config->self, call, call->method, &why)) != OK) {
		call->known = false;
		rpc_finish(call, r, &why);
	}
}

/* Is the message at the front what this kind of method may get now? */
static bool
message_allowed(struct rpc_call *call, struct span message)
{
	size_t used = GRPC_PREFIX_BYTES + message.length;

	if (call->method->kind == RPC_CLIENT_STREAM || call->method->kind == RPC_BIDI)
		return true;
	if (call->in.length > used || call->told_end)
		call_end(call, GRPC_INTERNAL, "more than one message in a request that has one");
	return call->input_ended && !call->finished;
}

static void
message_hand_over(struct rpc_call *call, struct span bytes)
{
	bool only = call->method->kind == RPC_UNARY || call->method->kind == RPC_SERVER_STREAM;
	auto_arena struct arena passing = {.max_bytes = MESSAGE_ARENA_BYTES};
	struct arena *arena = only ? &call->message : &passing;
	const struct rpc_method *method = call->method;
	ProtobufCMessage *message = NULL;
	struct span shaped = bytes;
	struct why why = {0};
	enum err r;

	if (method->reshape != NULL && (r = method->reshape(method, bytes, arena, &shaped, &why)) != OK) {
		rpc_finish(call, r, &why);
		return;
	}
	if ((r = protobuf_read(method->request, shaped, arena, &message, &why)) != OK) {
		(void)because(&why, r, "request message");
		call_end(call, r == ERR_LIMIT ? GRPC_RESOURCE_EXHAUSTED : GRPC_INTERNAL, why.text);
		return;
	}
	if (only)
		call->told_end = true;
	buffer_take(&call->in, GRPC_PREFIX_BYTES + bytes.length);
	call->method->message(call->connection->server->config.self, call, message);
}

/* One message, if a whole one is there. */
static bool
message_next(struct rpc_call *call)
{
	enum grpc_status status = GRPC_INTERNAL;
	struct span bytes;
	struct why why = {0};
	enum err r = grpc_frame(buffer_span(&call->in), RPC_MESSAGE_MAX, &bytes, &status, &why);

	if (r == ERR_MORE)
		return false;
	if (r != OK) {
		call_end(call, status, why.text);
		return false;
	}
	if (!message_allowed(call, bytes))
		return false;
	message_hand_over(call, bytes);
	return true;
}

static void
input_end(struct rpc_call *call)
{
	if (call->in.length > 0)
		call_end(call, GRPC_INTERNAL, "the request ended inside a message");
	else if (call->method->kind == RPC_UNARY || call->method->kind == RPC_SERVER_STREAM)
		call_end(call, GRPC_INTERNAL, "the request has no message");
	else {
		call->told_end = true;
		call->method->message(call->connection->server->config.self, call, NULL);
	}
}

static void
call_messages(struct rpc_call *call)
{
	while (!call->finished && !call->paused && message_next(call))
		;
	if (call->input_ended && !call->told_end && !call->finished && !call->paused)
		input_end(call);
}

void
call_advance(struct rpc_call *call)
{
	const struct rpc_server_config *config = &call->connection->server->config;

	if (call->closed) {
		if (call->known && !call->finished && config->cancelled != NULL)
			config->cancelled(config->self, call);
		call_free(call);
		return;
	}
	if (call->overflow)
		call_end(call, GRPC_RESOURCE_EXHAUSTED, "");
	if (call->expired)
		call_end(call, GRPC_DEADLINE_EXCEEDED, "the deadline of the call has passed");
	if (call->headers_done && call->method == NULL && !call->is_http && !call->finished)
		call_admit(call);
	if (call->method != NULL)
		call_messages(call);
	if (call->claimed && call->fresh && call->known && !call->finished) {
		call->fresh = false;
		config->http_input(config->self, call);
	}
	if (call->room_again && !call->finished && config->writable != NULL) {
		call->room_again = false;
		config->writable(config->self, call);
	}
}
