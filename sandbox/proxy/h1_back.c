/* Upstream in HTTP/1: one exchange at a time, its answer read strictly. */
#include "sandbox/proxy/http.h"

/* ---- the request ---- */

static bool
start(struct back *back, struct exchange *exchange)
{
	back->exchange = exchange;
	back->answer_head = back->keep = false;
	back->chunk = (struct http_chunk){0};
	upgrade_offer(exchange);
	h1_request_write(&back->side, exchange);
	return true;
}

static size_t
room(struct exchange *exchange)
{
	return side_room(&exchange->back->side);
}

static bool
is_chunked(const struct exchange *exchange)
{
	return exchange->request.body == HTTP_BODY_CHUNKED && !exchange->collected_whole;
}

static void
body(struct exchange *exchange, struct span bytes)
{
	h1_body_write(&exchange->back->side, is_chunked(exchange), bytes);
}

static void
end(struct exchange *exchange, const struct http_field *trailers, size_t n)
{
	if (is_chunked(exchange))
		h1_end_write(&exchange->back->side, trailers, n);
}

/* ---- the answer ---- */

static void
leave(struct exchange *exchange)
{
	struct back *back = exchange->back;

	if (back->exchange != exchange) /* a tunnel has it now */
		return;
	back->exchange = NULL;
	if (back->keep && exchange->request_sent && !back->side.broken && !back->side.ended &&
	    bytes_length(&back->side.in) == 0)
		pool_idle(back);
	else
		pool_dead(back);
}

static void
failed(struct back *back, enum err r, const struct why *why)
{
	exchange_failed(back->exchange, r, why);
}

/* All of the answer is here: the exchange leaves, then ends. */
static void
whole(struct back *back, const struct http_field *trailers, size_t n)
{
	back->keep = back->keep && !back->exchange->http->forward;
	exchange_answer_end(back->exchange, trailers, n);
}

static void
final_head(struct back *back, const struct http_head *head)
{
	back->answer_head = true;
	back->body = head->body;
	back->left = head->length;
	exchange_answer(back->exchange, head);
}

/* Read a head of the answer; false: no more to do now. */
static bool
read_head(struct back *back)
{
	struct exchange *exchange = back->exchange;
	struct http_head head;
	struct why why = {0};
	size_t used = 0;
	enum err r =
	    http_response_parse(bytes_span(&back->side.in), HTTP_HEAD_BYTES, exchange->head, &head, &used, &why);
	bool keep;

	if (r == ERR_MORE)
		return false;
	if (r == OK && head.status == 101 && !exchange->upgrade)
		r = fail(&why, ERR_PROTOCOL, "the server switched protocols unasked");
	if (r != OK) {
		failed(back, r, &why);
		return false;
	}
	if (head.status == 101) {
		if (upgrade_answer(exchange, &head, &why) != OK) {
			failed(back, ERR_PROTOCOL, &why);
			return false;
		}
		bytes_take(&back->side.in, used);
		tunnel_begin(exchange);
		return false;
	}
	keep = head.keep_alive;
	if (head.status < 200)
		exchange_answer(exchange, &head);
	else
		final_head(back, &head);
	bytes_take(&back->side.in, used);
	if (back->exchange == NULL || !back->answer_head)
		return back->exchange != NULL;
	if (head.body == HTTP_BODY_NONE || (head.body == HTTP_BODY_LENGTH && head.length == 0)) {
		back->keep = keep;
		whole(back, NULL, 0);
		return false;
	}
	back->keep_after = keep;
	return true;
}

static bool
read_chunk(struct back *back, size_t most)
{
	struct http_trailers trailers = {.fields_n = 0};
	struct span data;
	struct why why = {0};
	size_t used;
	enum err r = http_chunk_next(&back->chunk, bytes_span(&back->side.in), most, &used, &data, &trailers, &why);

	if (r == ERR_MORE)
		return false;
	if (r != OK) {
		failed(back, r, &why);
		return false;
	}
	if (data.length > 0)
		back->http->front->body(back->exchange, data);
	bytes_take(&back->side.in, used); /* what was taken stays where it is until more is read */
	if (back->chunk.state != HTTP_CHUNK_END)
		return true;
	back->keep = back->keep_after;
	whole(back, trailers.fields, trailers.fields_n);
	return false;
}

static bool
read_bytes(struct back *back, size_t most)
{
	struct span data = span_head(bytes_span(&back->side.in), most);

	if (back->body == HTTP_BODY_LENGTH && data.length > back->left)
		data.length = (size_t)back->left;
	if (data.length == 0)
		return false;
	back->http->front->body(back->exchange, data);
	bytes_take(&back->side.in, data.length);
	if (back->body != HTTP_BODY_LENGTH || (back->left -= data.length) > 0)
		return true;
	back->keep = back->keep_after;
	whole(back, NULL, 0);
	return false;
}

static bool
read_answer(struct back *back)
{
	size_t most;

	if (back->exchange == NULL || back->state != BACK_OPEN || bytes_length(&back->side.in) == 0)
		return false;
	if (!back->answer_head)
		return read_head(back);
	if ((most = back->http->front->room(back->exchange)) == 0)
		return false;
	return back->body == HTTP_BODY_CHUNKED ? read_chunk(back, most) : read_bytes(back, most);
}

/* The server ended while an exchange waits for it. */
static void
cut(struct back *back)
{
	bool waits = back->answer_head && back->http->front->room(back->exchange) == 0;
	struct why why;

	if (bytes_length(&back->side.in) > 0 && waits)
		return;
	fail(&why, ERR_UNAVAILABLE, "the server ended the connection");
	if (back->answer_head && back->body == HTTP_BODY_CLOSE && !back->side.broken)
		whole(back, NULL, 0);
	else if (!back->answer_head && back->used && bytes_length(&back->side.in) == 0)
		exchange_retry(back->exchange, &why);
	else
		failed(back, ERR_UNAVAILABLE, &why);
}

static void
read_on(struct back *back)
{
	while (read_answer(back))
		;
	if (back->exchange != NULL && back->http->tunnel == NULL && (back->side.ended || back->side.broken))
		cut(back);
	if (back->state == BACK_OPEN && back->side.leg != NULL)
		side_touch(&back->side);
}

void
h1_back_turn(void *self)
{
	struct back *back = self;
	struct http *http = back->http;

	if (back->state != BACK_OPEN || http->over)
		return;
	if (back->exchange == NULL) {
		if (back->side.ended || back->side.broken || bytes_length(&back->side.in) > 0)
			pool_dead(back); /* unasked */
		return;
	}
	exchange_pump(back->exchange);
	read_on(back);
}

static void
resume(struct exchange *exchange)
{
	read_on(exchange->back);
}

static void
drop(struct back *back)
{
	(void)back;
}

const struct back_kind h1_back = {
    .start = start,
    .room = room,
    .body = body,
    .end = end,
    .resume = resume,
    .leave = leave,
    .drop = drop,
};
