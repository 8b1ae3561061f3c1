/* HTTP/1.1 of the server, what goes out: whole answers, refusals, and answers that are streamed. */
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
	    {101, "Switching Protocols"},
	    {102, "Processing"},
	    {103, "Early Hints"},
	    {200, "OK"},
	    {201, "Created"},
	    {202, "Accepted"},
	    {204, "No Content"},
	    {206, "Partial Content"},
	    {301, "Moved Permanently"},
	    {302, "Found"},
	    {303, "See Other"},
	    {304, "Not Modified"},
	    {307, "Temporary Redirect"},
	    {308, "Permanent Redirect"},
	    {400, "Bad Request"},
	    {401, "Unauthorized"},
	    {403, "Forbidden"},
	    {404, "Not Found"},
	    {405, "Method Not Allowed"},
	    {409, "Conflict"},
	    {412, "Precondition Failed"},
	    {413, "Content Too Large"},
	    {416, "Range Not Satisfiable"},
	    {422, "Unprocessable Content"},
	    {429, "Too Many Requests"},
	    {431, "Request Header Fields Too Large"},
	    {500, "Internal Server Error"},
	    {501, "Not Implemented"},
	    {502, "Bad Gateway"},
	    {503, "Service Unavailable"},
	    {504, "Gateway Timeout"},
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

/* The answer is whole: the connection serves the next request, or ends. */
static void
answer_over(struct rpc_call *call)
{
	struct connection *connection = call->connection;

	call->closed = true;
	connection->closing |= call->last;
	loop_timer_set(connection->server->config.loop, &connection->limit,
	    connection->server->config.handshake_timeout_ms, connection->limit.fired, connection);
	call_wake(call);
}

void
http1_answer(struct rpc_call *call, int status, const char *content_type, struct span body)
{
	struct connection *connection = call->connection;

	call->last |= connection->server->draining || !call->input_ended;
	answer_add(connection, status, content_type, call->caller.request_id, call->last, body.length);
	if (!call->head)
		buffer_add(&connection->pump.out, body);
	answer_over(call);
}

bool
http1_refuse(struct connection *connection, int status, struct span words)
{
	answer_add(connection, status, "text/plain", SPAN_NONE, true, words.length);
	buffer_add(&connection->pump.out, words);
	return false;
}

/* ---- streamed ---- */

void
http1_continue(struct connection *connection)
{
	buffer_add(&connection->pump.out, SPAN("HTTP/1.1 100 Continue\r\n\r\n"));
}

static void
field_add(struct buffer *out, struct span name, struct span value)
{
	buffer_add(out, name);
	buffer_add(out, SPAN(": "));
	buffer_add(out, value);
	buffer_add(out, SPAN("\r\n"));
}

/* Straight to the pump, as 100 Continue: nothing of the answer is queued before it has begun. */
void
http1_interim(struct connection *connection, int status, const struct rpc_field *fields, size_t n)
{
	char bytes[64];

	snprintf(bytes, sizeof(bytes), "HTTP/1.1 %d %s\r\n", status, status_words(status));
	buffer_add(&connection->pump.out, span_of_text(bytes));
	for (size_t i = 0; i < n; i++)
		field_add(&connection->pump.out, fields[i].name, fields[i].value);
	buffer_add(&connection->pump.out, SPAN("\r\n"));
}

static void
framing_add(struct rpc_call *call, uint64_t length)
{
	char bytes[24];

	if (length != RPC_HTTP_UNKNOWN) {
		snprintf(bytes, sizeof(bytes), "%llu", (unsigned long long)length);
		field_add(&call->out, SPAN("content-length"), span_of_text(bytes));
	} else if (call->framing == FRAMING_CHUNKED) {
		field_add(&call->out, SPAN("transfer-encoding"), SPAN("chunked"));
	}
	if (call->framing == FRAMING_RAW) {
		field_add(&call->out, SPAN("connection"), SPAN("upgrade"));
		field_add(&call->out, SPAN("upgrade"), SPAN("websocket"));
	} else if (call->last) {
		field_add(&call->out, SPAN("connection"), SPAN("close"));
	} else if (call->old) {
		field_add(&call->out, SPAN("connection"), SPAN("keep-alive"));
	}
}

void
http1_begin(struct rpc_call *call, int status, const struct rpc_field *fields, size_t n, uint64_t length)
{
	char bytes[64];

	call->last |= call->connection->server->draining || call->framing == FRAMING_CLOSE;
	snprintf(bytes, sizeof(bytes), "HTTP/1.1 %d %s\r\n", status, status_words(status));
	buffer_add(&call->out, span_of_text(bytes));
	for (size_t i = 0; i < n; i++)
		field_add(&call->out, fields[i].name, fields[i].value);
	framing_add(call, length);
	buffer_add(&call->out, SPAN("\r\n"));
}

void
http1_queue(struct rpc_call *call, struct span bytes)
{
	char head[HTTP_CHUNK_HEAD_BYTES];

	if (call->framing == FRAMING_CHUNKED)
		buffer_add(&call->out, span_of_bytes(head, http_chunk_head(head, bytes.length)));
	buffer_add(&call->out, bytes);
	if (call->framing == FRAMING_CHUNKED)
		buffer_add(&call->out, SPAN("\r\n"));
}

void
http1_end(struct rpc_call *call)
{
	if (call->framing == FRAMING_CHUNKED) {
		buffer_add(&call->out, SPAN("0\r\n"));
		for (size_t i = 0; i < call->trailers_out.n; i++)
			field_add(&call->out, call->trailers_out.at[i].name, call->trailers_out.at[i].value);
		buffer_add(&call->out, SPAN("\r\n"));
	}
	/* What is left of a body would be taken for the next request. */
	call->last |= !call->input_ended || call->framing == FRAMING_RAW;
}

void
http1_abort(struct rpc_call *call)
{
	call->closed = true;
	call->connection->closing = true;
	call_wake(call);
}

void
http1_send(struct connection *connection)
{
	struct rpc_call *call;
	struct span piece;

	if (list_empty(&connection->calls))
		return;
	call = list_item(connection->calls.next, struct rpc_call, link);
	while (call->out.length > 0 && connection->pump.out.length < pump_record(&connection->pump) &&
	       connection->pump.state == PUMP_OPEN) {
		piece = span_head(buffer_span(&call->out), pump_record(&connection->pump));
		buffer_add(&connection->pump.out, piece);
		buffer_take(&call->out, piece.length);
		pump_flush(&connection->pump);
	}
	call_sent(call);
	if (call->begun && call->finished && !call->closed && call->out.length == 0)
		answer_over(call);
}
