/* Upstreams: who gets which connection, when one is dialled, how long one is kept. */
#include "sandbox/router/upstream.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/clean.h"
#include "common/leg/chain.h"
#include "common/leg/tls_client.h"

static void serve_waiting(struct router *router);

/* ---- life ---- */

void
upstream_dead(struct upstream *upstream)
{
	struct router *router = upstream->router;

	if (upstream->state == UPSTREAM_DEAD)
		return;
	loop_timer_stop(router->loop, &upstream->idle);
	dial_cancel(upstream->dial);
	chain_cancel(upstream->chain);
	upstream->dial = NULL;
	upstream->chain = NULL;
	upstream->state = UPSTREAM_DEAD;
	router->upstreams_n--;
	list_remove(&upstream->link);
	list_append(&router->dead, &upstream->link);
}

void
upstreams_bury(struct router *router)
{
	struct upstream *upstream;

	list_each(upstream, &router->dead, struct upstream, link) {
		list_remove(&upstream->link);
		if (upstream->kind != NULL)
			upstream->kind->drop(upstream);
		leg_close(upstream->leg);
		side_close(&upstream->side);
		free(upstream->host);
		free(upstream);
	}
}

void
upstreams_done(struct router *router)
{
	struct upstream *upstream;

	list_each(upstream, &router->upstreams, struct upstream, link)
		upstream_dead(upstream);
	upstreams_bury(router);
}

static void
idle_fired(void *self)
{
	struct upstream *upstream = self;

	upstream_dead(upstream);
	upstream->router->sides.settle(upstream->router);
}

/* The one that has waited longest makes room. */
static void
idle_bound(struct router *router)
{
	struct upstream *upstream, *oldest = NULL;
	size_t n = 0;

	list_each(upstream, &router->upstreams, struct upstream, link)
		if (upstream->idles) {
			n++;
			if (oldest == NULL || upstream->idle.at_ms < oldest->idle.at_ms)
				oldest = upstream;
		}
	if (n > UPSTREAM_IDLE_MAX)
		upstream_dead(oldest);
}

void
upstream_idle(struct upstream *upstream)
{
	upstream->used = true;
	upstream->idles = true;
	loop_timer_set(upstream->router->loop, &upstream->idle, UPSTREAM_IDLE_MS, idle_fired, upstream);
	serve_waiting(upstream->router);
	if (upstream->idles)
		idle_bound(upstream->router);
}

void
upstream_room(struct upstream *upstream)
{
	upstream->used = true;
	serve_waiting(upstream->router);
}

/* ---- which ---- */

/* The same place, told to speak the same, over an address that this request may go to. */
static bool
same_place(const struct upstream *upstream, const struct request *request)
{
	return upstream->port == request->port && upstream->tls == request->tls && upstream->h2 == request->h2 &&
	       strcmp(upstream->host, request->host) == 0;
}

static bool
judged_address(const struct upstream *upstream, const struct request *request)
{
	for (size_t i = 0; i < request->addresses_n; i++)
		if (memcmp(&upstream->address, &request->addresses[i], sizeof(upstream->address)) == 0)
			return true;
	return false;
}

static bool
can_take(const struct upstream *upstream, const struct errand *errand)
{
	if (upstream->state != UPSTREAM_OPEN || upstream->going || upstream->side.broken || upstream->side.ended ||
	    !same_place(upstream, &errand->request) || !judged_address(upstream, &errand->request))
		return false;
	if (upstream->session != NULL)
		return h2_takes_more(upstream);
	return upstream->errand == NULL && !(errand->retried && upstream->used) &&
	       bytes_length(&upstream->side.in) == 0;
}

static bool
hand_over(struct errand *errand)
{
	struct router *router = errand->router;
	struct upstream *upstream;

	if (errand->state == ERRAND_OVER) { /* nobody hears of it */
		list_remove(&errand->waiting);
		return true;
	}
	list_each(upstream, &router->upstreams, struct upstream, link) {
		if (!can_take(upstream, errand))
			continue;
		upstream->idles = false;
		loop_timer_stop(router->loop, &upstream->idle);
		list_remove(&errand->waiting);
		errand->upstream = upstream;
		errand->kind = &upstream->kind->errand;
		if (upstream->kind->start(upstream, errand)) {
			errand->state = ERRAND_SENT;
			errand->begun = true;
			errand->kind->pump(errand);
			return true;
		}
		errand->upstream = NULL;
		list_append(&router->waiting, &errand->waiting);
		upstream->going = true;
		if (upstream->streams == 0)
			upstream_dead(upstream);
	}
	return false;
}

/* ---- dialling ---- */

static void
dial_failed(struct upstream *upstream, enum err r, const struct why *why)
{
	struct router *router = upstream->router;
	const char *code = r == ERR_TIMEOUT   ? "timeout"
			   : r == ERR_INVALID ? "upstream_certificate"
					      : "upstream_unreachable";
	struct errand *errand;

	upstream_dead(upstream);
	list_each(errand, &router->waiting, struct errand, waiting)
		if (same_place(upstream, &errand->request))
			errand_fail(errand, code, why);
	router->sides.settle(router);
}

static void
opened(struct upstream *upstream, struct leg *leg)
{
	bool h2 = strcmp(leg_alpn(leg), "h2") == 0;

	upstream->leg = NULL;
	upstream->state = UPSTREAM_OPEN;
	upstream->kind = h2 ? &h2_kind : &h1_kind;
	side_open(&upstream->side, &upstream->router->sides, leg, h2 ? h2_turn : h1_turn, upstream);
	if (h2)
		h2_open(upstream);
	serve_waiting(upstream->router);
	if (upstream->state == UPSTREAM_OPEN && upstream->errand == NULL && upstream->streams == 0)
		upstream_idle(upstream); /* whom it was for has left */
	upstream->router->sides.settle(upstream->router);
}

/* What failed in the handshake is the certificate's, but where the other side went or was silent. */
static void
shaken(void *self, enum err r, const struct why *why)
{
	struct upstream *upstream = self;
	struct why copy = *why;

	if (r == OK) {
		opened(upstream, upstream->leg);
		return;
	}
	because(&copy, r, "TLS to %s", upstream->host);
	dial_failed(upstream, r, &copy);
}

static void
connected(void *self, enum err r, int fd, size_t which, const struct why *why)
{
	struct upstream *upstream = self;
	struct why copy = *why;
	SSL *ssl;

	upstream->dial = NULL;
	upstream->chain = NULL;
	if (r != OK) {
		because(&copy, r, "%s:%u", upstream->host, upstream->port);
		dial_failed(upstream, r, &copy);
		return;
	}
	upstream->address = upstream->addresses[which];
	upstream->leg = leg_new(upstream->router->loop, fd);
	if (!upstream->tls) {
		opened(upstream, upstream->leg);
		return;
	}
	r = tls_client_open(upstream->router->tls, upstream->host, upstream->port,
	    upstream->h2 ? "h2,http/1.1" : "http/1.1", &ssl, &copy);
	if (r != OK)
		dial_failed(upstream, r, &copy);
	else
		leg_handshake(upstream->leg, ssl, UPSTREAM_SHAKE_MS, shaken, upstream);
}

static void
dial_for(struct errand *errand)
{
	const struct request *request = &errand->request;
	const struct chain_way way = {.proxy = request->via.at,
	    .proxy_n = request->via.n,
	    .port = request->via.port,
	    .host = request->via.by_name ? request->host : NULL,
	    .login = request->via.login};
	struct upstream *upstream = calloc(1, sizeof(*upstream));

	if (upstream == NULL || (upstream->host = strdup(request->host)) == NULL)
		abort();
	upstream->router = errand->router;
	upstream->port = request->port;
	upstream->tls = request->tls;
	upstream->h2 = request->h2;
	memcpy(upstream->addresses, request->addresses, sizeof(request->addresses));
	list_append(&errand->router->upstreams, &upstream->link);
	errand->router->upstreams_n++;
	if (request->via.n == 0)
		upstream->dial = dial_begin(errand->router->loop, request->addresses, request->addresses_n,
		    request->port, UPSTREAM_DIAL_MS, connected, upstream);
	else
		upstream->chain = chain_begin(errand->router->loop, &way, request->addresses, request->addresses_n,
		    request->port, CHAIN_MS, connected, upstream);
}

/* How many connections to its place there are, and how many errands wait for one. */
struct crowd {
	size_t dialling, waiting;
	bool h1; /* one is open that speaks HTTP/1.1 */
};

static struct crowd
crowd_of(const struct errand *errand)
{
	struct crowd crowd = {0};
	struct upstream *upstream;
	struct errand *other;

	list_each(upstream, &errand->router->upstreams, struct upstream, link)
		if (same_place(upstream, &errand->request)) {
			crowd.dialling += upstream->state == UPSTREAM_DIALLING;
			crowd.h1 |= upstream->state == UPSTREAM_OPEN && upstream->session == NULL;
		}
	list_each(other, &errand->router->waiting, struct errand, waiting) {
		crowd.waiting += strcmp(other->request.host, errand->request.host) == 0 &&
				 other->request.port == errand->request.port && other->request.h2 == errand->request.h2;
		if (other == errand)
			break;
	}
	return crowd;
}

/* One at first where HTTP/2 may be spoken: it would need no more. */
static void
dial_more(struct errand *errand)
{
	struct crowd crowd = crowd_of(errand);
	size_t most = errand->request.h2 && !crowd.h1 ? 1 : crowd.waiting;

	if (crowd.dialling < most && errand->router->upstreams_n < UPSTREAMS_MAX)
		dial_for(errand);
}

static void
serve_waiting(struct router *router)
{
	struct errand *errand;

	list_each(errand, &router->waiting, struct errand, waiting)
		if (!hand_over(errand))
			dial_more(errand);
}

void
upstream_send(struct errand *errand)
{
	errand->state = ERRAND_WAITS;
	list_append(&errand->router->waiting, &errand->waiting);
	if (!hand_over(errand))
		dial_more(errand);
}

/* What the server says it has not begun may go again whatever it is (RFC 9113, 8.7); else only what may be asked twice. */
static bool
may_go_again(const struct errand *errand, bool untouched)
{
	if (errand->retried || errand->head_told)
		return false;
	return untouched ? !errand->body_begun : errand->request.body == REQUEST_EMPTY && errand->request.replayable;
}

void
upstream_retry(struct errand *errand, bool untouched, const struct why *why)
{
	if (untouched)
		errand->begun = false;
	if (!may_go_again(errand, untouched)) {
		errand_fail(errand, "upstream_broken", why);
		return;
	}
	errand->retried = true;
	errand->body_closed = false;
	errand->upstream = NULL;
	upstream_send(errand);
}
