/* Requests by the router, on their way there: opened, their bodies sent within its credit, closed when the agent leaves. */
#include "sandbox/proxy/routed_inside.h"

#include <stdlib.h>

#include "sandbox/proxy/inject.h"

#define AWAY	   "the router is away"
#define NAME_BYTES 256 /* of a trailer, as bus.def has it */

static struct routed *
routed_at(const struct back *back)
{
	return (struct routed *)(uintptr_t)back; /* its first member */
}

struct routed *
routed_of(const struct exchange *exchange)
{
	return routed_at(exchange->back);
}

/* ---- as a back ---- */

static size_t
room(struct exchange *exchange)
{
	return exchange->collected_whole ? 0 : stream_room(&routed_of(exchange)->up);
}

static void
body(struct exchange *exchange, struct span bytes)
{
	struct why why;

	if (stream_send(&routed_of(exchange)->up, bytes.at, bytes.length, &why) != OK)
		return; /* its channel goes down, and this with it */
}

static struct span
lowered(struct span name, char room[NAME_BYTES])
{
	for (size_t i = 0; i < name.length; i++)
		room[i] = (char)(name.at[i] >= 'A' && name.at[i] <= 'Z' ? name.at[i] | 0x20 : name.at[i]);
	return span_of_bytes(room, name.length);
}

/* False: one of them cannot be told, and the exchange is refused. */
static bool
trailers_tell(struct exchange *exchange, const struct http_field *trailers, size_t n)
{
	struct routed *routed = routed_of(exchange);
	char names[HTTP_TRAILERS_MAX][NAME_BYTES];
	struct msg_plain_field list[HTTP_TRAILERS_MAX];
	struct msg m = {.id = ROUTE_TRAILERS, .route_trailers = {.stream = routed->number, .trailers = list}};
	size_t *told = &m.route_trailers.trailers_n;
	struct why why;

	for (size_t i = 0; i < n && i < HTTP_TRAILERS_MAX; i++) {
		if (trailers[i].hop)
			continue;
		if (trailers[i].name.length > NAME_BYTES) {
			inject_refuse(
			    exchange, 403, "credential_injection_failed", "the name of a trailer is too long");
			return false;
		}
		list[*told] = (struct msg_plain_field){lowered(trailers[i].name, names[*told]), trailers[i].value};
		++*told;
	}
	return *told == 0 || peer_tell(routed->proxy->router, &m, &why) == OK;
}

static void
end(struct exchange *exchange, const struct http_field *trailers, size_t n)
{
	struct why why;

	if (!trailers_tell(exchange, trailers, n) || stream_finish(&routed_of(exchange)->up, &why) != OK)
		return; /* refused; or its channel goes down, and this with it */
}

static void
resume(struct exchange *exchange)
{
	routed_drain(routed_of(exchange));
}

static void
leave(struct exchange *exchange)
{
	struct routed *routed = routed_of(exchange);
	struct msg m = {.id = ROUTE_CLOSE, .route_close = {routed->number}};
	struct why why;

	slots_take(&routed->proxy->routes, routed->number);
	list_remove(&routed->link);
	if (!routed->over && !routed->whole && routed->proxy->router != NULL &&
	    peer_tell(routed->proxy->router, &m, &why) != OK)
		routed->over = true;
	routed->exchange = NULL;
	bytes_free(&exchange->upstream.in);
	routed->back.state = BACK_DEAD;
	list_append(&routed->back.http->dead_backs, &routed->back.link);
}

static void
drop(struct back *back)
{
	bytes_free(&routed_at(back)->message);
}

static const struct back_kind routed_back = {
    .room = room,
    .body = body,
    .end = end,
    .resume = resume,
    .leave = leave,
    .drop = drop,
};

bool
routed_is(const struct exchange *exchange)
{
	return exchange->back != NULL && exchange->back->kind == &routed_back;
}

/* ---- opening ---- */

static struct routed *
routed_new(struct exchange *exchange, const struct routed_watch *watch)
{
	struct routed *routed = calloc(1, sizeof(*routed));

	if (routed == NULL)
		abort();
	routed->back = (struct back){.http = exchange->http, .state = BACK_OPEN, .kind = &routed_back};
	routed->proxy = exchange->http->connection->proxy;
	routed->exchange = exchange;
	routed->watch = watch;
	routed->number = slots_put(&routed->proxy->routes, routed);
	list_append(&routed->proxy->routed, &routed->link);
	bytes_free(&exchange->upstream.in);
	exchange->upstream = (struct flow){.exchange = exchange};
	exchange->back = &routed->back;
	exchange->state = EXCHANGE_SENT;
	exchange->request_sent = exchange_empty(exchange);
	return routed;
}

static enum err
tell_router(struct routed *routed, const struct msg_route_open *open, struct why *why)
{
	struct peer *router = routed->proxy->router;
	struct msg m = {.id = ROUTE_OPEN, .route_open = *open};
	enum err r;

	if (router == NULL)
		return fail(why, ERR_UNAVAILABLE, AWAY);
	m.route_open.stream = routed->number;
	stream_out_init(&routed->up, router, routed->number, 0);
	if ((r = peer_tell(router, &m, why)) != OK)
		return r;
	return stream_in_open(&routed->down, router, routed->number, 1, STREAM_WINDOW_BYTES, why);
}

void
routed_send(struct exchange *exchange, const struct msg_route_open *open, const struct routed_watch *watch)
{
	struct routed *routed;
	struct why why = {0};

	exchange_let_go(exchange);
	routed = routed_new(exchange, watch);
	if (tell_router(routed, open, &why) != OK) {
		routed->over = true;
		routed_failed(routed, SPAN("router_away"), span_of_text(why.text), false);
		return;
	}
	if (open->body == 3)
		exchange->request_sent = true; /* routed_pieces follows at once */
	else
		routed_pump(routed); /* without credit: one that is empty ends */
}

void
routed_pieces(struct exchange *exchange, struct msg_piece *pieces, size_t n)
{
	struct routed *routed;
	struct why why;

	if (!routed_is(exchange)) /* it could not be opened */
		return;
	routed = routed_of(exchange);
	if (!trailers_tell(exchange, exchange->trailers, exchange->trailers_n))
		return;
	for (size_t at = 0; at < n; at += ROUTED_PIECES) {
		size_t most = n - at < ROUTED_PIECES ? n - at : ROUTED_PIECES;
		struct msg m = {.id = ROUTE_PIECES,
		    .route_pieces = {
			.stream = routed->number, .pieces = pieces + at, .pieces_n = most, .last = at + most == n}};

		if (peer_tell(routed->proxy->router, &m, &why) != OK)
			return; /* its channel goes down, and this with it */
	}
}

/* ---- its body, where it was collected ---- */

void
routed_pump(struct routed *routed)
{
	struct exchange *exchange = routed->exchange;
	struct span rest;
	struct why why;
	size_t n;

	if (!exchange->collected_whole || exchange->request_sent) {
		exchange_pump(exchange);
		return;
	}
	rest = span_tail(bytes_span(&exchange->collected), routed->pumped);
	for (; rest.length > 0 && (n = stream_room(&routed->up)) > 0; rest = span_tail(rest, n)) {
		n = n < rest.length ? n : rest.length;
		if (stream_send(&routed->up, rest.at, n, &why) != OK)
			return;
		routed->pumped += n;
		exchange->body_begun = true;
	}
	if (rest.length > 0)
		return;
	exchange->request_sent = true;
	end(exchange, exchange->trailers, exchange->trailers_n);
}

/* ---- the router is gone ---- */

void
routed_down(struct proxy *proxy)
{
	while (!list_empty(&proxy->routed)) {
		struct routed *routed = list_item(proxy->routed.next, struct routed, link);
		struct http *http = routed->back.http;

		routed->over = true;
		list_remove(&routed->link);
		routed_failed(routed, SPAN("router_away"), SPAN(AWAY), true);
		http_settle(http);
	}
}
