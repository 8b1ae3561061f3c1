/* Upstream: from the name that was judged to a connected leg. What is dialled is what was validated, in its order. */
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/leg/dial.h"
#include "sandbox/proxy/onward.h"
#include "sandbox/proxy/proxy.h"
#include "common/resolve/resolve.h"
#include "sandbox/proxy/tls.h"

struct upstream {
	struct connection *connection;
	struct loop *loop;
	uint64_t number;
	bool tls, pin; /* pin: its addresses are wanted, nothing is dialled */
	const char *alpn;
	void (*done)(void *self, enum err r, struct leg *leg, const struct why *why);
	void *self;
	uint64_t resolving;
	uint64_t until_ms;
	struct dial *dial;   /* NULL: none is under way */
	struct chain *chain; /* the same by the operator's proxy */
	struct timer timer;
	struct leg *leg; /* in its handshake, or to be given */
};

static void
upstream_free(struct upstream *upstream)
{
	struct proxy *proxy = upstream->connection->proxy;

	resolve_cancel(proxy->resolver, upstream->resolving);
	loop_timer_stop(upstream->loop, &upstream->timer);
	dial_cancel(upstream->dial);
	chain_cancel(upstream->chain);
	leg_close(upstream->leg);
	free(upstream);
}

static void
upstream_done(struct upstream *upstream, enum err r, const struct why *why)
{
	void (*done)(void *self, enum err r, struct leg *leg, const struct why *why) = upstream->done;
	struct leg *leg = r == OK ? upstream->leg : NULL;
	void *self = upstream->self;
	struct why copy = *why;

	slots_take(&upstream->connection->proxy->upstreams, upstream->number);
	if (r == OK)
		upstream->leg = NULL;
	upstream_free(upstream);
	done(self, r, leg, &copy);
}

/* ---- TLS ---- */

static void
shaken(void *self, enum err r, const struct why *why)
{
	struct upstream *upstream = self;
	struct why copy = *why;

	if (r != OK) {
		if (r != ERR_TIMEOUT && r != ERR_PROTOCOL)
			r = ERR_UNAVAILABLE;
		because(&copy, r, "TLS to %s", upstream->connection->host);
	}
	upstream_done(upstream, r, &copy);
}

static void
connected(struct upstream *upstream, struct leg *leg)
{
	struct connection *connection = upstream->connection;
	struct ssl_st *ssl;
	struct why why = {0};
	enum err r;

	upstream->leg = leg;
	if (leg_tls(leg) == upstream->tls) {
		upstream_done(upstream, OK, &why);
		return;
	}
	r = tls_upstream(connection->proxy->tls, connection->host, connection->port, upstream->alpn, &ssl, &why);
	if (r != OK)
		upstream_done(upstream, r, &why);
	else
		leg_handshake(leg, ssl, HANDSHAKE_MS, shaken, upstream);
}

/* ---- dialling ---- */

static void dial_pinned(struct upstream *upstream);

static void
dialled(void *self, enum err r, int fd, size_t which, const struct why *why)
{
	struct upstream *upstream = self;
	struct connection *connection = upstream->connection;
	struct why copy = *why;

	(void)which;
	upstream->dial = NULL;
	upstream->chain = NULL;
	if (r == OK) {
		connected(upstream, leg_new(upstream->loop, fd));
		return;
	}
	because(&copy, ERR_UNAVAILABLE, "%s:%u", connection->host, connection->port);
	upstream_done(upstream, r, &copy);
}

/* By the operator's proxy; what it is asked for are the addresses that were judged. */
static void
dial_onward(struct upstream *upstream)
{
	const struct connection *connection = upstream->connection;
	struct chain_way way = onward_way(connection->proxy->onward, connection);

	upstream->chain = chain_begin(upstream->loop, &way, connection->pinned, connection->pinned_n, connection->port,
	    CHAIN_MS, dialled, upstream);
}

static void
proxy_resolved(void *self, enum err r, const struct address *addresses, size_t n, const struct why *said)
{
	struct upstream *upstream = self;
	struct connection *connection = upstream->connection;
	struct why why = *said;

	upstream->resolving = 0;
	loop_timer_stop(upstream->loop, &upstream->timer);
	if (r == OK && (connection->via = arena_array(&connection->memory, n, sizeof(*addresses))) == NULL)
		r = fail(&why, ERR_LIMIT, "no memory is left for %zu addresses", n);
	if (r != OK) {
		upstream_done(upstream, because(&why, ERR_UNAVAILABLE, "the upstream proxy"), &why);
		return;
	}
	memcpy(connection->via, addresses, n * sizeof(*addresses));
	connection->via_n = n;
	dial_pinned(upstream);
}

static void
proxy_late(void *self)
{
	struct upstream *upstream = self;
	struct why why;

	resolve_cancel(upstream->connection->proxy->resolver, upstream->resolving);
	proxy_resolved(upstream, fail(&why, ERR_TIMEOUT, "no answer"), NULL, 0, &why);
}

/* Its addresses are judged: connect to one of them, in their order; TLS perhaps by the operator's proxy. */
static void
dial_pinned(struct upstream *upstream)
{
	const struct connection *connection = upstream->connection;
	struct proxy *proxy = connection->proxy;
	bool onward = connection->onward && (upstream->tls || connection->tls || connection->hello);
	uint64_t now = clock_ms();
	uint32_t left_ms = upstream->until_ms > now ? (uint32_t)(upstream->until_ms - now) : 0;
	struct why why = {0};

	if (onward && connection->via_n == 0) {
		loop_timer_set(upstream->loop, &upstream->timer, DIAL_MS, proxy_late, upstream);
		upstream->resolving = resolve(proxy->resolver, proxy->onward->proxy.host, proxy_resolved, upstream);
	} else if (upstream->pin)
		upstream_done(upstream, OK, &why);
	else if (onward)
		dial_onward(upstream);
	else
		upstream->dial = dial_begin(upstream->loop, connection->pinned, connection->pinned_n, connection->port,
		    left_ms, dialled, upstream);
}

/* ---- addresses ---- */

static enum err
pin(struct connection *connection, const struct address *addresses, size_t n, struct why *why)
{
	const struct msg_connection_judged *judged = &connection->judged;
	struct destination_rule rule = {.mode = (enum destination_mode)judged->destination,
	    .allowed_ips = judged->allowed_ips,
	    .allowed_ips_n = judged->allowed_ips_n};
	const struct address *gateway = resolver_gateway(connection->proxy->resolver);
	enum err r;

	if (gateway != NULL && destination_names_gateway(span_of_text(connection->host)))
		rule.mode = DESTINATION_HOST_GATEWAY;
	if ((r = destination_check(&rule, gateway, addresses, n, connection->port, why)) != OK)
		return r == ERR_LIMIT ? r : ERR_DENIED;
	if ((connection->pinned = arena_array(&connection->memory, n, sizeof(*addresses))) == NULL)
		return fail(why, ERR_LIMIT, "no memory is left for %zu addresses", n);
	memcpy(connection->pinned, addresses, n * sizeof(*addresses));
	connection->pinned_n = n;
	onward_choose(connection);
	return OK;
}

static void
resolved(void *self, enum err r, const struct address *addresses, size_t n, const struct why *said)
{
	struct upstream *upstream = self;
	struct why why = {0};

	upstream->resolving = 0;
	loop_timer_stop(upstream->loop, &upstream->timer);
	if (r != OK) /* no address, or no answer: refused (7.2) */
		r = fail(&why, r == ERR_LIMIT ? r : ERR_DENIED, "DNS resolution failed for %s:%u: %s",
		    upstream->connection->host, upstream->connection->port, said->text);
	else
		r = pin(upstream->connection, addresses, n, &why);
	if (r != OK)
		upstream_done(upstream, r, &why);
	else
		dial_pinned(upstream);
}

/* The name servers have had all the time there is. */
static void
resolve_late(void *self)
{
	struct upstream *upstream = self;
	struct why why;

	resolve_cancel(upstream->connection->proxy->resolver, upstream->resolving);
	resolved(upstream, fail(&why, ERR_TIMEOUT, "no answer"), NULL, 0, &why);
}

/* ---- the interface ---- */

static void
begin(void *self)
{
	struct upstream *upstream = self;
	struct connection *connection = upstream->connection;
	struct leg *leg = connection->dialled;

	if (leg != NULL && !upstream->pin) {
		connection->dialled = NULL;
		leg_watch(leg, 0, NULL, NULL);
		connected(upstream, leg);
	} else if (connection->pinned_n > 0)
		dial_pinned(upstream);
	else {
		loop_timer_set(upstream->loop, &upstream->timer, DIAL_MS, resolve_late, upstream);
		upstream->resolving = resolve(connection->proxy->resolver, connection->host, resolved, upstream);
	}
}

static struct upstream *
upstream_new(struct connection *connection)
{
	struct upstream *upstream = calloc(1, sizeof(*upstream));

	if (upstream == NULL)
		abort();
	upstream->connection = connection;
	upstream->loop = connection->proxy->loop;
	upstream->number = slots_put(&connection->proxy->upstreams, upstream);
	loop_timer_set(upstream->loop, &upstream->timer, 0, begin, upstream);
	return upstream;
}

uint64_t
upstream_open(struct connection *connection, bool tls, const char *alpn,
    void (*done)(void *self, enum err r, struct leg *leg, const struct why *why), void *self)
{
	struct upstream *upstream = slots_get(&connection->proxy->upstreams, connection->dialling);

	if (upstream == NULL)
		upstream = upstream_new(connection);
	upstream->pin = false; /* an early one was for its addresses alone, perhaps */
	upstream->tls = tls;
	upstream->alpn = alpn;
	upstream->done = done;
	upstream->self = self;
	upstream->until_ms = clock_ms() + DIAL_MS;
	connection->dialling = 0;
	return upstream->number;
}

uint64_t
upstream_pin(struct connection *connection,
    void (*done)(void *self, enum err r, struct leg *leg, const struct why *why), void *self)
{
	struct upstream *upstream = upstream_new(connection);

	upstream->pin = true;
	upstream->done = done;
	upstream->self = self;
	upstream->until_ms = clock_ms() + DIAL_MS;
	return upstream->number;
}

void
upstream_cancel(struct proxy *proxy, uint64_t number)
{
	struct upstream *upstream = slots_take(&proxy->upstreams, number);

	if (upstream != NULL)
		upstream_free(upstream);
}
