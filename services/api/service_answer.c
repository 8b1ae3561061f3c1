/* services: a service's answer as it comes, read strictly (it is the agent's), and passed on. */
#include "services/api/service_inside.h"

#include "services/api/service_head.h"

#define INTERIM_MAX 16 /* answers before the answer */

/* ---- its head ---- */

/* To HTTP/2's extended CONNECT any 2xx is the open WebSocket (RFC 8441, 5), and what comes behind it its bytes. */
static bool
seems_open(const struct exchange *exchange, unsigned status)
{
	return exchange->upgrade && !exchange->raw && status >= 200 && status < 300 &&
	       rpc_metadata(exchange->work.call, ":protocol").length > 0;
}

static enum err
begin(struct exchange *exchange, const struct http_head *head, struct why *why)
{
	struct rpc_call *call = exchange->work.call;
	struct rpc_field fields[HTTP_FIELDS_MAX];
	size_t n;
	enum err r;

	if ((r = service_answer_fields(head, rpc_arena(call), fields, &n, why)) != OK)
		return r;
	exchange->begun = true;
	exchange->keep = head->keep_alive && head->body != HTTP_BODY_CLOSE && !exchange->raw;
	exchange->answer = exchange->raw ? HTTP_BODY_CLOSE : head->body;
	exchange->answer_left = head->body == HTTP_BODY_LENGTH ? head->length : 0;
	rpc_http_begin(call, (int)head->status, fields, n, head->has_length ? head->length : RPC_HTTP_UNKNOWN);
	return OK;
}

/* An answer before the answer: it goes on to the client, who may wait for it. */
static enum err
interim(struct exchange *exchange, const struct http_head *head, struct why *why)
{
	struct rpc_call *call = exchange->work.call;
	struct rpc_field fields[HTTP_FIELDS_MAX];
	size_t n;
	enum err r;

	if (++exchange->interim > INTERIM_MAX)
		return fail(why, ERR_PROTOCOL, "%d interim answers", INTERIM_MAX);
	if (head->status == 100) {
		rpc_http_continue(call);
		return OK;
	}
	if ((r = service_answer_fields(head, rpc_arena(call), fields, &n, why)) == OK)
		rpc_http_interim(call, (int)head->status, fields, n);
	return r;
}

static enum err
head_read(struct exchange *exchange, struct why *why)
{
	struct http_head head;
	size_t used;
	enum err r =
	    http_response_parse(buffer_span(&exchange->from), HTTP_HEAD_BYTES, exchange->head_only, &head, &used, why);

	if (r != OK)
		return r;
	if (head.status == 101) {
		if (!exchange->upgrade || !head.connection_upgrade || !http_same(head.upgrade, SPAN("websocket")))
			return fail(why, ERR_PROTOCOL, "it speaks another protocol, which nobody asked for");
		exchange->raw = true;
		exchange->sent = false; /* from here on bytes both ways */
	} else if (head.status < 200) {
		if ((r = interim(exchange, &head, why)) == OK)
			buffer_take(&exchange->from, used);
		return r;
	}
	if (seems_open(exchange, head.status))
		return fail(why, ERR_PROTOCOL, "it answers %u and opens no WebSocket", head.status);
	if ((r = begin(exchange, &head, why)) == OK)
		buffer_take(&exchange->from, used);
	return r;
}

/* ---- its body ---- */

/* Pass on what belongs to the body. ERR_MORE: that was all for now. */
static enum err
piece_pass(struct exchange *exchange, bool *over, struct why *why)
{
	struct span bytes = buffer_span(&exchange->from), data = bytes;
	struct http_trailers trailers = {.fields_n = 0};
	size_t used;
	enum err r = OK;

	if (exchange->answer == HTTP_BODY_CHUNKED) {
		r = http_chunk_next(&exchange->chunk, bytes, bytes.length, &used, &data, &trailers, why);
		if (r == OK)
			r = service_answer_trailers(
			    &trailers, rpc_arena(exchange->work.call), exchange->trailers, &exchange->trailers_n, why);
		if (r != OK && r != ERR_MORE)
			return r;
		*over = exchange->chunk.state == HTTP_CHUNK_END;
	} else if (exchange->answer == HTTP_BODY_LENGTH) {
		data = span_head(
		    bytes, exchange->answer_left < bytes.length ? (size_t)exchange->answer_left : bytes.length);
		exchange->answer_left -= data.length;
		*over = exchange->answer_left == 0;
		used = data.length;
	} else {
		used = data.length;
	}
	rpc_http_send(exchange->work.call, data);
	buffer_take(&exchange->from, used);
	return r;
}

enum err
exchange_read(struct exchange *exchange, bool *over, struct why *why)
{
	enum err r = OK;

	*over = false;
	while (r == OK && !exchange->begun)
		r = head_read(exchange, why);
	if (r == OK)
		*over = exchange->answer == HTTP_BODY_NONE ||
			(exchange->answer == HTTP_BODY_LENGTH && exchange->answer_left == 0);
	while (r == OK && !*over && exchange->from.length > 0)
		r = piece_pass(exchange, over, why);
	return r == ERR_MORE ? OK : r;
}
