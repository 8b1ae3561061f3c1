/* Upstream in HTTP/1.1: one errand at a time; heads and framing are written here, answers read strictly. */
#include <stdio.h>

#include "sandbox/router/upstream.h"

#define LINE_BYTES 64

/* ---- the request ---- */

static void
field(struct side *side, struct span name, struct span value)
{
	side_write(side, name);
	side_write(side, SPAN(": "));
	side_write(side, value);
	side_write(side, SPAN("\r\n"));
}

static void
framing(struct side *side, const struct request *request)
{
	char line[LINE_BYTES];

	if (request->body == REQUEST_STREAMED)
		field(side, SPAN("transfer-encoding"), SPAN("chunked"));
	else if (request->body != REQUEST_EMPTY) {
		snprintf(line, sizeof(line), "%llu", (unsigned long long)request->length);
		field(side, SPAN("content-length"), span_of_text(line));
	}
	if (request->upgrade) {
		field(side, SPAN("connection"), SPAN("Upgrade"));
		field(side, SPAN("upgrade"), SPAN("websocket"));
	}
	side_write(side, SPAN("\r\n"));
}

static bool
start(struct upstream *upstream, struct errand *errand)
{
	const struct request *request = &errand->request;
	struct side *side = &upstream->side;

	upstream->errand = errand;
	upstream->answer_head = upstream->keep = upstream->tunnel = false;
	side_write(side, request->method);
	side_write(side, SPAN(" "));
	side_write(side, request->target);
	side_write(side, SPAN(" HTTP/1.1\r\n"));
	field(side, SPAN("host"), request->authority);
	for (size_t i = 0; i < request->fields_n; i++) {
		struct span name = request->fields[i].name;

		if (request->mask.n > 0 && span_is(name, "accept-encoding"))
			continue; /* what is packed cannot be looked through */
		if (span_is(name, "te"))
			field(side, SPAN("connection"), SPAN("te"));
		field(side, name, request->fields[i].value);
	}
	if (request->mask.n > 0)
		field(side, SPAN("accept-encoding"), SPAN("identity"));
	framing(side, request);
	return true;
}

static void
write_some(struct errand *errand, struct side *side, size_t n)
{
	struct span bytes = span_head(bytes_span(&errand->body), n);
	bool chunked = errand->request.body == REQUEST_STREAMED;
	char head[HTTP_CHUNK_HEAD_BYTES];

	if (chunked)
		side_write(side, span_of_bytes(head, http_chunk_head(head, bytes.length)));
	side_write(side, bytes);
	if (chunked)
		side_write(side, SPAN("\r\n"));
	errand_body_taken(errand, bytes.length);
}

/* The last chunk, and what stands behind the body. */
static void
finish(struct side *side, const struct request *request)
{
	side_write(side, SPAN("0\r\n"));
	for (size_t i = 0; i < request->trailers_n; i++)
		field(side, request->trailers[i].name, request->trailers[i].value);
	side_write(side, SPAN("\r\n"));
}

static bool
body_done(const struct errand *errand)
{
	return errand->body_ended && bytes_length(&errand->body) == 0;
}

static void
pump(struct errand *errand)
{
	struct upstream *upstream = errand->upstream;
	size_t room;

	if (errand->request.upgrade && errand->state != ERRAND_TUNNEL)
		return;
	while (bytes_length(&errand->body) > 0 && (room = side_room(&upstream->side)) > 0)
		write_some(errand, &upstream->side, room);
	if (!body_done(errand) || errand->body_closed)
		return;
	errand->body_closed = true;
	if (upstream->tunnel) {
		upstream->side.finish = true;
		side_touch(&upstream->side);
	} else if (errand->request.body == REQUEST_STREAMED)
		finish(&upstream->side, &errand->request);
}

/* ---- the answer ---- */

static void
let_go(struct upstream *upstream, bool keep)
{
	struct errand *errand = upstream->errand;

	keep = keep && !upstream->side.ended && !upstream->side.broken && bytes_length(&upstream->side.in) == 0 &&
	       (errand == NULL || body_done(errand));
	upstream->errand = NULL;
	if (errand != NULL)
		errand->upstream = NULL;
	if (keep)
		upstream_idle(upstream);
	else
		upstream_dead(upstream);
}

static void
whole(struct upstream *upstream, const struct http_field *trailers, size_t n)
{
	struct errand *errand = upstream->errand;

	let_go(upstream, upstream->keep && !upstream->tunnel);
	errand_answered(errand, trailers, n);
}

static void
broken(struct upstream *upstream, const struct why *why)
{
	struct errand *errand = upstream->errand;

	upstream->errand = NULL;
	upstream_dead(upstream);
	if (errand == NULL)
		return;
	errand->upstream = NULL;
	errand_fail(errand, "upstream_broken", why);
}

static bool
follows(const struct http_head *head)
{
	return head->body != HTTP_BODY_NONE && !(head->body == HTTP_BODY_LENGTH && head->length == 0);
}

static bool
final_head(struct upstream *upstream, const struct http_head *head)
{
	bool body = follows(head);

	upstream->answer_head = true;
	upstream->keep = head->keep_alive;
	upstream->body = head->body;
	upstream->left = head->length;
	upstream->chunk = (struct http_chunk){0};
	errand_head(upstream->errand, head, body);
	if (!body)
		whole(upstream, NULL, 0);
	return body;
}

static bool
read_head(struct upstream *upstream)
{
	struct errand *errand = upstream->errand;
	struct http_head head;
	struct why why = {0};
	size_t used;
	enum err r = http_response_parse(
	    bytes_span(&upstream->side.in), HTTP_HEAD_BYTES, errand->request.head, &head, &used, &why);

	if (r == ERR_MORE)
		return false;
	if (r == OK && head.status == 101 && !errand->request.upgrade)
		r = fail(&why, ERR_PROTOCOL, "the server switched protocols unasked");
	if (r != OK) {
		broken(upstream, &why);
		return false;
	}
	bytes_take(&upstream->side.in, used); /* what was taken stays where it is until more is read */
	if (head.status >= 200)
		return final_head(upstream, &head);
	if (head.status != 101) {
		errand_head(errand, &head, false);
		return true;
	}
	upstream->tunnel = upstream->answer_head = true;
	upstream->body = HTTP_BODY_CLOSE;
	errand_upgraded(errand, &head);
	return true;
}

static bool
read_chunk(struct upstream *upstream, size_t most)
{
	struct http_trailers trailers = {.fields_n = 0};
	struct span data;
	struct why why = {0};
	size_t used;
	enum err r =
	    http_chunk_next(&upstream->chunk, bytes_span(&upstream->side.in), most, &used, &data, &trailers, &why);

	if (r == ERR_MORE)
		return false;
	if (r != OK) {
		broken(upstream, &why);
		return false;
	}
	if (data.length > 0)
		errand_answer(upstream->errand, data);
	bytes_take(&upstream->side.in, used);
	if (upstream->chunk.state != HTTP_CHUNK_END)
		return true;
	whole(upstream, trailers.fields, trailers.fields_n);
	return false;
}

static bool
read_bytes(struct upstream *upstream, size_t most)
{
	struct span data = span_head(bytes_span(&upstream->side.in), most);

	if (upstream->body == HTTP_BODY_LENGTH && data.length > upstream->left)
		data.length = (size_t)upstream->left;
	errand_answer(upstream->errand, data);
	bytes_take(&upstream->side.in, data.length);
	if (upstream->body != HTTP_BODY_LENGTH)
		return data.length > 0;
	if ((upstream->left -= data.length) > 0)
		return true;
	whole(upstream, NULL, 0);
	return false;
}

static bool
read_answer(struct upstream *upstream)
{
	size_t most;

	if (upstream->state != UPSTREAM_OPEN || upstream->errand == NULL || bytes_length(&upstream->side.in) == 0)
		return false;
	if (!upstream->answer_head)
		return read_head(upstream);
	if ((most = errand_room(upstream->errand)) == 0)
		return false;
	return upstream->body == HTTP_BODY_CHUNKED ? read_chunk(upstream, most) : read_bytes(upstream, most);
}

/* The server ended while an errand waits for it. */
static void
cut(struct upstream *upstream)
{
	struct errand *errand = upstream->errand;
	struct why why = {0};

	if (bytes_length(&upstream->side.in) > 0 && upstream->answer_head && errand_room(errand) == 0)
		return; /* the rest is still to be passed on */
	fail(&why, ERR_UNAVAILABLE, "the server ended the connection");
	if (upstream->answer_head && upstream->body == HTTP_BODY_CLOSE && !upstream->side.broken)
		whole(upstream, NULL, 0);
	else if (!upstream->answer_head && upstream->used && bytes_length(&upstream->side.in) == 0) {
		upstream->errand = NULL;
		upstream_dead(upstream);
		upstream_retry(errand, false, &why);
	} else
		broken(upstream, &why);
}

static void
read_on(struct upstream *upstream)
{
	while (read_answer(upstream))
		;
	if (upstream->errand != NULL && (upstream->side.ended || upstream->side.broken))
		cut(upstream);
	if (upstream->state == UPSTREAM_OPEN && upstream->side.leg != NULL)
		side_touch(&upstream->side);
}

void
h1_turn(void *self)
{
	struct upstream *upstream = self;

	if (upstream->state != UPSTREAM_OPEN)
		return;
	if (upstream->errand == NULL) {
		if (upstream->side.ended || upstream->side.broken || bytes_length(&upstream->side.in) > 0)
			upstream_dead(upstream); /* unasked */
		return;
	}
	pump(upstream->errand);
	read_on(upstream);
}

static void
resume(struct errand *errand)
{
	read_on(errand->upstream);
}

/* In the middle of something: this connection is good for nothing else. */
static void
leave(struct errand *errand)
{
	struct upstream *upstream = errand->upstream;

	upstream->errand = NULL;
	upstream_dead(upstream);
}

static void
drop(struct upstream *upstream)
{
	(void)upstream;
}

const struct upstream_kind h1_kind = {
    .start = start, .drop = drop, .errand = {.pump = pump, .resume = resume, .leave = leave}};
