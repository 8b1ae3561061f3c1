/* HTTP/1.1 of the server, what comes in: one request after the other, and the bodies of those that are claimed. */
#include "common/wire/http_head.h"

#include <ctype.h>

#include "common/rpc/connection.h"

#define HEAD_WAITS (2 * HTTP_HEAD_BYTES) /* bytes that may wait behind a request under way */

static void
lower(struct span text, char *to)
{
	for (size_t i = 0; i < text.length; i++)
		to[i] = (char)tolower((unsigned char)text.at[i]);
}

static void
request_begin(struct connection *connection, const struct http_head *request)
{
	struct rpc_call *call = call_new(connection, 0);

	call_header(call, SPAN(":method"), request->method);
	call_header(call, SPAN(":path"), request->target);
	for (size_t i = 0; i < request->fields_n; i++) {
		char name[HTTP_HEAD_BYTES];

		lower(request->fields[i].name, name);
		call_header(call, span_of_bytes(name, request->fields[i].name.length), request->fields[i].value);
	}
	call->head = span_is(request->method, "HEAD");
	call->last = !request->keep_alive;
	call->old = request->minor == 0;
	call->expects = request->expect_continue;
	call->upgrade = request->connection_upgrade && http_same(request->upgrade, SPAN("websocket")) &&
			request->body == HTTP_BODY_NONE && span_is(request->method, "GET") && !call->old;
	connection->body = request->body;
	connection->body_left = request->length;
	connection->chunk = (struct http_chunk){0};
	call->input_ended =
	    request->body == HTTP_BODY_NONE || (request->body == HTTP_BODY_LENGTH && request->length == 0);
	call->headers_done = true;
	call_wake(call);
}

/* ---- bodies ---- */

/* The next piece of a body, of at most room bytes: how much was used. ERR_MORE: nothing for now. */
static enum err
piece_take(struct connection *connection, struct rpc_call *call, size_t room, size_t *used, struct span *data)
{
	struct span bytes = buffer_span(&connection->head);
	struct http_trailers trailers = {.fields_n = 0};
	struct why why;
	enum err r;

	*data = span_head(bytes, room);
	if (call->framing != FRAMING_RAW && connection->body == HTTP_BODY_LENGTH) {
		*data = span_head(
		    *data, connection->body_left < data->length ? (size_t)connection->body_left : data->length);
		connection->body_left -= data->length;
		call->input_ended = connection->body_left == 0;
	} else if (call->framing != FRAMING_RAW) {
		r = http_chunk_next(&connection->chunk, bytes, room, used, data, &trailers, &why);
		for (size_t i = 0; i < trailers.fields_n; i++)
			call_trailer(call, &call->trailers_in, trailers.fields[i].name, trailers.fields[i].value);
		call->input_ended = connection->chunk.state == HTTP_CHUNK_END;
		return r;
	}
	*used = data->length;
	return *used > 0 ? OK : ERR_MORE;
}

/* Its framing is broken: the request cannot be told from what follows. */
static bool
body_broken(struct connection *connection, struct rpc_call *call)
{
	if (!call->begun && call->known && connection->server->config.cancelled != NULL) {
		call->known = false;
		connection->server->config.cancelled(connection->server->config.self, call);
		http1_answer(call, 400, "text/plain", SPAN("not a body\n"));
		return false;
	}
	call->closed = true;
	call_wake(call);
	return false;
}

/* Move what has come to the call, as far as its owner takes it; the rest waits here, then in the socket. */
static bool
body_take(struct connection *connection, struct rpc_call *call)
{
	bool raw = call->framing == FRAMING_RAW, any = false;
	enum err r = OK;

	while (
	    r == OK && (raw || !call->input_ended) && connection->head.length > 0 && call->in.length < RPC_HTTP_AHEAD) {
		struct span data;
		size_t used = 0;

		r = piece_take(connection, call, RPC_HTTP_AHEAD - call->in.length, &used, &data);
		if (r != OK && r != ERR_MORE)
			return body_broken(connection, call);
		buffer_add(&call->in, data);
		buffer_take(&connection->head, used);
		any |= data.length > 0 || call->input_ended;
	}
	call->fresh |= any;
	if (any)
		call_wake(call);
	return true;
}

static bool
body_go_on(struct connection *connection, struct rpc_call *call)
{
	bool ok = true;

	if (call->claimed && !call->finished && !call->closed)
		ok = body_take(connection, call);
	pump_hold(&connection->pump, ok && connection->head.length >= HEAD_WAITS);
	return ok;
}

/* ---- heads ---- */

/* What only a claimed request may be. 0: it may go on; else the status of the refusal. */
static int
unclaimed(const struct http_head *request, struct span *words)
{
	if (request->body == HTTP_BODY_CHUNKED || request->length > 0) {
		*words = SPAN("a request with a body is not served\n");
		return 501;
	}
	if (!span_is(request->method, "GET") && !span_is(request->method, "HEAD")) {
		*words = SPAN("only GET and HEAD are served\n");
		return 405;
	}
	return 0;
}

static bool
claims(const struct connection *connection, const struct http_head *request)
{
	const struct rpc_server_config *config = &connection->server->config;

	return config->claim != NULL && config->claim(config->self, request->host);
}

bool
http1_take(struct connection *connection)
{
	struct http_head request;
	struct span words = SPAN_NONE;
	struct why why = {0};
	int refusal = 0;
	size_t used;
	enum err r;

	if (!list_empty(&connection->calls)) /* later requests wait, within what one may be */
		return body_go_on(connection, list_item(connection->calls.next, struct rpc_call, link));
	pump_hold(&connection->pump, false);
	r = http_request_parse(buffer_span(&connection->head), HTTP_HEAD_BYTES, &request, &used, &why);
	if (r == ERR_MORE)
		return true;
	if (connection->plain_only && (r != OK || !claims(connection, &request)))
		return false; /* this port speaks TLS: no answer */
	if (r == ERR_RANGE)
		return http1_refuse(connection, 431, SPAN("request head too large\n"));
	if (r != OK || request.target.at[0] != '/')
		return http1_refuse(connection, 400, SPAN("not a request\n"));
	if (!claims(connection, &request))
		refusal = unclaimed(&request, &words);
	if (refusal != 0)
		return http1_refuse(connection, refusal, words);
	loop_timer_stop(connection->server->config.loop, &connection->limit);
	request_begin(connection, &request);
	buffer_take(&connection->head, used);
	return true;
}
