/* The agent's side in HTTP/1: requests one after the other, also ahead of their answers, which go out in their order. */
#include "sandbox/proxy/event.h"
#include "sandbox/proxy/http.h"

/* ---- requests ---- */

/* Spans of the head from one place of memory to another. */
static void
move(struct span *span, const char *from, const char *to)
{
	if (span->length > 0)
		span->at = to + (span->at - from);
}

static enum err
head_keep(struct exchange *exchange, struct span bytes, struct why *why)
{
	struct http_head *request = &exchange->request;
	char *to = exchange_alloc(exchange, bytes.length);

	if (to == NULL)
		return fail(why, ERR_LIMIT, "the head is too large");
	memcpy(to, bytes.at, bytes.length);
	move(&request->method, bytes.at, to);
	move(&request->target, bytes.at, to);
	move(&request->host, bytes.at, to);
	move(&request->upgrade, bytes.at, to);
	for (size_t i = 0; i < request->fields_n; i++) {
		move(&request->fields[i].name, bytes.at, to);
		move(&request->fields[i].value, bytes.at, to);
	}
	return OK;
}

/* What has no head: at the explicit proxy it is told so, in a tunnel it is closed (6.1). */
static void
malformed(struct exchange *exchange, enum err r, const struct why *why)
{
	struct http *http = exchange->http;
	struct refusal refusal = {.status = r == ERR_RANGE ? 431 : 400, .error = ""};
	bool h2c =
	    http->connection->judged.inspect && span_starts(bytes_span(&http->agent.in), SPAN("PRI * HTTP/2.0\r\n"));

	http_event(http, NULL, NULL, EVENT_DENIED, SPAN_NONE, SPAN_NONE, SPAN("parse"), span_of_text(why->text));
	http->ending = true;
	if (h2c)
		refusal = (struct refusal){.status = 403,
		    .error = "unsupported_l7_protocol",
		    .detail = SPAN("HTTP/2 is spoken over TLS only")};
	exchange->close = !http->forward && !h2c;
	exchange->request_done = true;
	exchange_refuse(exchange, &refusal);
}

static void
head_taken(struct http *http, struct exchange *exchange, size_t used)
{
	bytes_take(&http->agent.in, used);
	http_limit(http, 0);
	http->left = exchange->request.length;
	http->chunk = (struct http_chunk){0};
	if (exchange->request.body == HTTP_BODY_CHUNKED || http->left > 0)
		http->reading = exchange;
	else
		exchange->request_done = true;
	http->ending |= http->forward;
	exchange_begin(exchange);
}

/* What comes behind an upgrade belongs to what it becomes. */
static bool
upgrade_waits(const struct http *http)
{
	return !list_empty(&http->exchanges) && list_item(http->exchanges.prev, struct exchange, link)->upgrade;
}

/* Read a head; false: there is none yet. */
static bool
read_head(struct http *http)
{
	struct exchange *exchange;
	struct span bytes = bytes_span(&http->agent.in);
	struct why why = {0};
	size_t used = 0;
	enum err r;

	if (http->ending || http->exchanges_n >= PIPELINE_MAX || bytes.length == 0 || upgrade_waits(http))
		return false;
	exchange = exchange_new(http);
	r = http_request_parse(
	    bytes, http->forward ? HTTP_FIRST_HEAD_BYTES : HTTP_HEAD_BYTES, &exchange->request, &used, &why);
	if (r == ERR_MORE) {
		exchange_over(exchange);
		return false;
	}
	if (r == OK)
		r = head_keep(exchange, span_head(bytes, used), &why);
	if (r == OK)
		head_taken(http, exchange, used);
	else
		malformed(exchange, r, &why);
	return true;
}

static bool
read_length(struct http *http, struct exchange *exchange, size_t room)
{
	struct span bytes = span_head(bytes_span(&http->agent.in), room);

	if (bytes.length > http->left)
		bytes.length = (size_t)http->left;
	if (bytes.length == 0)
		return false;
	http->left -= bytes.length;
	bytes_take(&http->agent.in, bytes.length); /* what was taken stays where it is until more is read */
	exchange_body(exchange, bytes);
	if (http->reading != exchange || http->left > 0)
		return true;
	http->reading = NULL;
	exchange_body_end(exchange, NULL, 0);
	return true;
}

static bool
read_chunk(struct http *http, struct exchange *exchange, size_t room)
{
	struct http_trailers trailers = {.fields_n = 0};
	struct span data;
	struct why why = {0};
	size_t used;
	enum err r = http_chunk_next(&http->chunk, bytes_span(&http->agent.in), room, &used, &data, &trailers, &why);

	if (r == ERR_MORE)
		return false;
	if (r != OK) {
		http_event(
		    http, exchange, NULL, EVENT_DENIED, SPAN_NONE, SPAN_NONE, SPAN("parse"), span_of_text(why.text));
		http_over(http);
		return false;
	}
	bytes_take(&http->agent.in, used);
	exchange_body(exchange, data);
	if (http->reading == exchange && http->chunk.state == HTTP_CHUNK_END) {
		http->reading = NULL;
		exchange_body_end(exchange, trailers.fields, trailers.fields_n);
	}
	return true;
}

/* Go on with the body that is being read; false: nothing to do. */
static bool
read_body(struct http *http)
{
	struct exchange *exchange = http->reading;
	size_t room = exchange_room(exchange);

	if (room == 0 || (exchange->answer_done && http->ending))
		return false;
	return exchange->request.body == HTTP_BODY_CHUNKED ? read_chunk(http, exchange, room)
							   : read_length(http, exchange, room);
}

static void
read_on(struct http *http)
{
	while (!http->over && http->tunnel == NULL && (http->reading != NULL ? read_body(http) : read_head(http)))
		;
	side_touch(&http->agent);
}

/* Which limit in time holds now. */
static void
limits(struct http *http)
{
	bool begun = bytes_length(&http->agent.in) > 0;

	if (http->agent.ended && http->agent.leg != NULL)
		http_limit(http, HTTP_HALF_MS);
	else if (!list_empty(&http->exchanges))
		http_limit(http, 0);
	else if (begun)
		http_limit(http, HTTP_HEAD_MS);
	else if (http->asked)
		http_limit(http, HTTP_IDLE_MS);
}

/* The agent sends no more: what is whole is answered, the rest is over. */
static void
agent_ended(struct http *http)
{
	if (http->agent.broken || http->reading != NULL || list_empty(&http->exchanges))
		http_over(http);
	http->ending = true;
}

void
h1_front_turn(void *self)
{
	struct http *http = self;
	struct exchange *first;

	if (http->over)
		return;
	read_on(http);
	if (http->agent.ended || http->agent.broken)
		agent_ended(http);
	if (!http->over)
		limits(http);
	if (http->over || list_empty(&http->exchanges))
		return;
	first = list_item(http->exchanges.next, struct exchange, link);
	if (first->back != NULL && side_room(&http->agent) > 0)
		first->back->kind->resume(first);
}

/* ---- answers ---- */

static bool
turn_of(struct exchange *exchange)
{
	return exchange->http->exchanges.next == &exchange->link;
}

static size_t
front_room(struct exchange *exchange)
{
	return side_room(&exchange->http->agent);
}

static void
front_body(struct exchange *exchange, struct span bytes)
{
	h1_body_write(&exchange->http->agent, exchange->answer_chunked, bytes);
}

static void
front_end(struct exchange *exchange, const struct http_field *trailers, size_t n)
{
	if (exchange->answer_chunked)
		h1_end_write(&exchange->http->agent, trailers, n);
}

/* The agent must see that it was not whole: the connection ends where a chunk or length does not. */
static void
front_broken(struct exchange *exchange)
{
	http_over(exchange->http);
}

static void
front_resume(struct exchange *exchange)
{
	if (exchange->http->reading == exchange)
		read_on(exchange->http);
}

/* Those behind it in the pipeline are not answered. */
static void
close_behind(struct http *http)
{
	struct exchange *exchange;

	http->ending = true;
	list_each(exchange, &http->exchanges, struct exchange, link)
		exchange_over(exchange);
}

static void
front_over(struct exchange *exchange)
{
	struct http *http = exchange->http;
	bool last = exchange->answer_last || !exchange->request_done;

	exchange_over(exchange);
	if (last)
		close_behind(http);
	else if (!list_empty(&http->exchanges))
		exchange_proceed(list_item(http->exchanges.next, struct exchange, link));
	else
		http_limit(http, HTTP_IDLE_MS);
	if (http->reading == NULL && bytes_length(&http->agent.in) > 0) {
		http->agent.full = true; /* look at what waits, from the top */
		side_touch(&http->agent);
	}
}

static void
front_goodbye(struct http *http)
{
	(void)http;
}

/* clang-format off */
const struct front h1_front = {
	.turn_of = turn_of,
	.head = h1_answer_write,
	.room = front_room,
	.body = front_body,
	.end = front_end,
	.broken = front_broken,
	.resume = front_resume,
	.over = front_over,
	.goodbye = front_goodbye,
	.drop = front_goodbye,
};
/* clang-format on */
