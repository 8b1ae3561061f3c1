/* HTTP/1.1 of the server: one GET or HEAD after the other, for health checks and metrics. */
#include "common/wire/http_head.h"

#include <ctype.h>
#include <stdio.h>

#include "common/base/text.h"
#include "common/rpc/connection.h"

static const char *
status_words(int status)
{
	static const struct {
		int status;
		const char *words;
	} rows[] = {
		{200, "OK"}, {204, "No Content"}, {400, "Bad Request"}, {401, "Unauthorized"}, {403, "Forbidden"},
		{404, "Not Found"}, {405, "Method Not Allowed"}, {413, "Content Too Large"},
		{431, "Request Header Fields Too Large"}, {500, "Internal Server Error"}, {501, "Not Implemented"},
		{503, "Service Unavailable"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i].status == status)
			return rows[i].words;
	return "Status";
}

static void
answer_add(struct connection *connection, int status, const char *content_type, struct span request_id, bool last,
    size_t length)
{
	char bytes[1024];
	struct text head = TEXT_OF(bytes);

	text_add(&head, "HTTP/1.1 %d %s\r\ncontent-type: %s\r\ncontent-length: %zu\r\n", status, status_words(status),
	    content_type, length);
	if (request_id.length > 0)
		text_add(&head, "x-request-id: " SPAN_FORMAT "\r\n", SPAN_ARGS(request_id));
	text_add(&head, "%s\r\n", last ? "connection: close\r\n" : "");
	buffer_add(&connection->pump.out, text_span(&head));
}

void
http1_answer(struct rpc_call *call, int status, const char *content_type, struct span body)
{
	struct connection *connection = call->connection;

	call->last |= connection->server->draining;
	answer_add(connection, status, content_type, call->caller.request_id, call->last, body.length);
	if (!call->head)
		buffer_add(&connection->pump.out, body);
	call->closed = true;
	connection->closing |= call->last;
	loop_timer_set(connection->server->config.loop, &connection->limit,
	    connection->server->config.handshake_timeout_ms, connection->limit.fired, connection);
	call_wake(call);
}

/* Answer what no call can be made of, and hang up. */
static bool
refuse(struct connection *connection, int status, struct span words)
{
	answer_add(connection, status, "text/plain", SPAN_NONE, true, words.length);
	buffer_add(&connection->pump.out, words);
	return false;
}

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
	call->headers_done = true;
	call_wake(call);
}

bool
http1_take(struct connection *connection)
{
	struct http_head request;
	struct why why = {0};
	size_t used;
	enum err r;

	if (!list_empty(&connection->calls)) /* later requests wait, within what one may be */
		return connection->head.length <= 2 * HTTP_HEAD_BYTES;
	r = http_request_parse(buffer_span(&connection->head), HTTP_HEAD_BYTES, &request, &used, &why);
	if (r == ERR_MORE)
		return true;
	if (r == ERR_RANGE)
		return refuse(connection, 431, SPAN("request head too large\n"));
	if (r != OK || request.target.at[0] != '/')
		return refuse(connection, 400, SPAN("not a request\n"));
	if (request.body == HTTP_BODY_CHUNKED || request.length > 0)
		return refuse(connection, 501, SPAN("a request with a body is not served\n"));
	if (!span_is(request.method, "GET") && !span_is(request.method, "HEAD"))
		return refuse(connection, 405, SPAN("only GET and HEAD are served\n"));
	loop_timer_stop(connection->server->config.loop, &connection->limit);
	request_begin(connection, &request);
	buffer_take(&connection->head, used);
	return true;
}
