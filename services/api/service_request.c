/* services: a request as it goes in: its head, then its body, piece by piece as it comes, and its trailers. */
#include "common/base/clean.h"
#include "common/base/text.h"
#include "common/wire/base64.h"
#include "services/api/service_head.h"
#include "services/api/service_inside.h"

#define PIECE_BYTES (32u << 10) /* of a body at once */

/* ---- the head ---- */

/* How the request's body goes on: as it came, but that of HTTP/2 without a length in chunks, or with one if it is here. */
static void
body_find(struct exchange *exchange)
{
	struct rpc_call *call = exchange->work.call;
	bool ended;
	size_t here = rpc_http_body(call, &ended).length, trailers_n;

	(void)rpc_http_trailers(call, &trailers_n);

	exchange->body = HTTP_BODY_CHUNKED;
	if (exchange->upgrade || (ended && here == 0))
		exchange->body = HTTP_BODY_NONE;
	if (exchange->upgrade)
		return;
	if (number_parse(rpc_metadata(call, "content-length"), 0, UINT64_MAX / 2, &exchange->body_length, NULL) == OK) {
		exchange->body = HTTP_BODY_LENGTH;
	} else if (ended && here > 0 && trailers_n == 0) {
		exchange->body = HTTP_BODY_LENGTH;
		exchange->body_length = here;
	}
}

static enum err
head_write(struct exchange *exchange, struct why *why)
{
	struct rpc_call *call = exchange->work.call;
	char *room = arena_alloc(rpc_arena(call), SERVICE_HEAD_BYTES);
	struct text text = {room, 0, SERVICE_HEAD_BYTES, false};
	struct id nonce = id_new();
	char key[BASE64_BYTES(sizeof(nonce)) + 1] = "";
	struct service_request request = {.method = rpc_metadata(call, ":method"),
	    .path = rpc_metadata(call, ":path"),
	    .port = exchange->port,
	    .body = exchange->body,
	    .length = exchange->body_length,
	    .upgrade = exchange->upgrade,
	    .expects = exchange->body != HTTP_BODY_NONE && rpc_http_expects(call)};
	enum err r;

	if (room == NULL)
		return fail(why, ERR_LIMIT, "the request needs too much memory");
	request.fields = rpc_http_fields(call, &request.fields_n);
	if (exchange->upgrade && rpc_metadata(call, "sec-websocket-key").length == 0) {
		key[base64_write(span_of_bytes(&nonce, sizeof(nonce)), key)] = '\0';
		request.websocket_key = key;
	}
	if ((r = service_request_write(&request, &text, why)) == OK)
		exchange->head = text_span(&text);
	return r;
}

enum err
request_begin(struct exchange *exchange, struct why *why)
{
	body_find(exchange);
	return head_write(exchange, why);
}

/* ---- the body ---- */

static void
body_last(struct exchange *exchange)
{
	char room[HTTP_TRAILERS_BYTES + 4 * HTTP_TRAILERS_MAX + 1];
	struct text text = TEXT_OF(room);
	size_t n, fields_n;
	const struct rpc_field *trailers = rpc_http_trailers(exchange->work.call, &n),
			       *fields = rpc_http_fields(exchange->work.call, &fields_n);

	service_trailers_write(trailers, n, fields, fields_n, &text);
	buffer_add(&exchange->to, SPAN("0\r\n"));
	buffer_add(&exchange->to, text_span(&text));
	buffer_add(&exchange->to, SPAN("\r\n"));
}

bool
request_body_next(struct exchange *exchange)
{
	struct rpc_call *call = exchange->work.call;
	char head[HTTP_CHUNK_HEAD_BYTES];
	bool ended, chunked = exchange->body == HTTP_BODY_CHUNKED && !exchange->raw;
	struct span piece = span_head(rpc_http_body(call, &ended), PIECE_BYTES);

	if (exchange->body == HTTP_BODY_NONE && !exchange->raw) {
		exchange->sent = true;
		return false;
	}
	if (piece.length > 0 && chunked)
		buffer_add(&exchange->to, span_of_bytes(head, http_chunk_head(head, piece.length)));
	buffer_add(&exchange->to, piece);
	if (piece.length > 0 && chunked)
		buffer_add(&exchange->to, SPAN("\r\n"));
	rpc_http_take(call, piece.length);
	if (piece.length > 0 || !ended)
		return piece.length > 0;
	exchange->sent = true;
	if (chunked)
		body_last(exchange);
	else if (exchange->raw)
		passage_end(exchange->upstream->passage, 0);
	return chunked;
}
