/* Connections upstream of one agent's connection: dialled when an exchange needs one, kept for the next. */
#include <stdlib.h>

#include "sandbox/proxy/http.h"
#include "sandbox/proxy/proxy.h"

static void serve_waiting(struct http *http);

/* Is it one of those that wait? Counted over all connections: an idle one costs memory. */
static void
idle_count(struct back *back, bool idles)
{
	struct proxy *proxy = back->http->connection->proxy;

	if (back->idles != idles)
		proxy->idle_n += idles ? 1 : -1;
	back->idles = idles;
	if (!idles)
		loop_timer_stop(proxy->loop, &back->idle);
}

void
pool_dead(struct back *back)
{
	if (back->state == BACK_DEAD)
		return;
	idle_count(back, false);
	back->state = BACK_DEAD;
	back->http->backs_n--;
	list_remove(&back->link);
	list_append(&back->http->dead_backs, &back->link);
}

static void
back_free(struct back *back)
{
	if (back->kind != NULL)
		back->kind->drop(back);
	side_close(&back->side);
	free(back);
}

/* Does an exchange still pass on what it got from it? */
static bool
in_use(const struct back *back)
{
	struct exchange *exchange;

	list_each(exchange, &back->http->exchanges, struct exchange, link)
		if (exchange->back == back)
			return true;
	return false;
}

void
pool_bury(struct http *http)
{
	struct back *back;

	list_each(back, &http->dead_backs, struct back, link) {
		if (in_use(back))
			continue;
		list_remove(&back->link);
		back_free(back);
	}
}

void
pool_cancel(struct http *http)
{
	struct back *back;

	list_each(back, &http->backs, struct back, link) {
		upstream_cancel(http->connection->proxy, back->dialling);
		pool_dead(back);
	}
	pool_bury(http);
}

static void
idle_fired(void *self)
{
	struct back *back = self;
	struct http *http = back->http;

	pool_dead(back);
	http_settle(http);
}

void
pool_idle(struct back *back)
{
	struct http *http = back->http;

	back->used = true;
	idle_count(back, true);
	loop_timer_set(http->loop, &back->idle, HTTP_BACK_IDLE_MS, idle_fired, back);
	if (!list_empty(&http->waiting))
		serve_waiting(http);
	if (back->idles && http->connection->proxy->idle_n > IDLE_MAX)
		pool_dead(back);
}

void
pool_room(struct back *back)
{
	back->used = true;
	if (!list_empty(&back->http->waiting))
		serve_waiting(back->http);
}

/* ---- dialling ---- */

/* Nobody of those that waited for it can be served. */
static void
dial_failed(struct http *http, bool plain, enum err r, const struct why *why)
{
	struct exchange *exchange;

	list_each(exchange, &http->waiting, struct exchange, waiting)
		if (exchange->upgrade == plain)
			exchange_failed(exchange, r, why);
}

static void
back_opened(struct back *back, struct leg *leg)
{
	bool h2 = strcmp(leg_alpn(leg), "h2") == 0;
	struct http *http = back->http;

	if (!back->plain) {
		http->upstream_known = true;
		http->upstream_h2 = h2;
	}
	back->state = BACK_OPEN;
	back->kind = h2 ? &h2_back : &h1_back;
	side_open(&back->side, &http->sides, leg, h2 ? h2_back_turn : h1_back_turn, back);
	if (h2 && h2_back_open(back) != OK)
		pool_dead(back);
}

static void
dialled(void *self, enum err r, struct leg *leg, const struct why *why)
{
	struct back *back = self;
	struct http *http = back->http;

	back->dialling = 0;
	if (r == OK) {
		back_opened(back, leg);
		serve_waiting(http);
	} else if (r == ERR_PROTOCOL && !back->plain && !http->offers_h2) {
		http->offers_h2 = true;
		pool_dead(back);
		serve_waiting(http);
	} else {
		pool_dead(back);
		dial_failed(http, back->plain, r, why);
	}
	http_settle(http);
}

/* HTTP/1.1 stays what it is as long as the server speaks it: nothing is translated that need not be. */
static const char *
offer(const struct http *http, bool plain)
{
	if (!http->connection->tls)
		return NULL;
	return plain || !http->offers_h2 ? "http/1.1" : "h2,http/1.1";
}

static void
dial(struct http *http, bool plain)
{
	struct connection *connection = http->connection;
	struct back *back = calloc(1, sizeof(*back));

	if (back == NULL)
		abort();
	back->http = http;
	back->plain = plain;
	list_append(&http->backs, &back->link);
	http->backs_n++;
	back->dialling = upstream_open(connection, connection->tls, offer(http, plain), dialled, back);
}

/* Dial for those that wait: one at first, to learn the protocol; HTTP/2 needs no more. */
static void
dial_more(struct http *http, bool plain)
{
	size_t waiting = 0, dialling = 0, most = SIZE_MAX;
	struct exchange *exchange;
	struct back *back;

	list_each(exchange, &http->waiting, struct exchange, waiting)
		waiting += exchange->upgrade == plain;
	list_each(back, &http->backs, struct back, link)
		dialling += back->state == BACK_DIALLING && back->plain == plain;
	if (!plain && http->connection->tls && (!http->upstream_known || http->upstream_h2))
		most = 1;
	if (waiting < most)
		most = waiting;
	for (; dialling < most && http->backs_n < BACKS_MAX; dialling++)
		dial(http, plain);
}

/* ---- who gets which ---- */

static bool
can_take(const struct back *back, const struct exchange *exchange)
{
	if (back->state != BACK_OPEN || back->going || back->side.broken || back->side.ended)
		return false;
	if (back->session != NULL)
		return !exchange->upgrade && h2_back_takes_more(back);
	return back->exchange == NULL && !(exchange->retried && back->used) && bytes_length(&back->side.in) == 0;
}

/* Hand an exchange to some back; false: there is none. */
static bool
hand_over(struct exchange *exchange)
{
	struct http *http = exchange->http;
	struct back *back;

	list_each(back, &http->backs, struct back, link) {
		if (!can_take(back, exchange))
			continue;
		idle_count(back, false);
		list_remove(&exchange->waiting);
		exchange->back = back;
		if (back->kind->start(back, exchange)) {
			exchange->state = EXCHANGE_SENT;
			exchange_tell(exchange);
			exchange->request_sent = exchange_empty(exchange);
			exchange_pump(exchange);
			return true;
		}
		exchange->back = NULL;
		list_append(&http->waiting, &exchange->waiting);
		back->going = true;
	}
	return false;
}

static void
serve_waiting(struct http *http)
{
	struct exchange *exchange;

	if (http->over)
		return;
	list_each(exchange, &http->waiting, struct exchange, waiting)
		hand_over(exchange);
	if (list_empty(&http->waiting))
		return;
	dial_more(http, false);
	dial_more(http, true);
}

void
pool_send(struct exchange *exchange)
{
	exchange->state = EXCHANGE_WAITING;
	list_append(&exchange->http->waiting, &exchange->waiting);
	serve_waiting(exchange->http);
}
