/* Upstream: from the name that was judged to a connected leg. What is dialled is what was validated, in its order. */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "common/base/clean.h"
#include "common/base/clock.h"
#include "sandbox/proxy/proxy.h"
#include "common/resolve/resolve.h"
#include "sandbox/proxy/tls.h"

#define ATTEMPT_MS 5000 /* for one address, where others are left */

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
	size_t next; /* address */
	int fd;	     /* being connected, or -1 */
	struct watch watch;
	struct timer timer;
	struct leg *leg; /* in its handshake, or to be given */
	struct why why;	 /* of the last address */
};

static void dial_next(struct upstream *upstream);

static void
upstream_free(struct upstream *upstream)
{
	struct proxy *proxy = upstream->connection->proxy;

	resolve_cancel(proxy->resolver, upstream->resolving);
	loop_timer_stop(upstream->loop, &upstream->timer);
	loop_remove(upstream->loop, &upstream->watch);
	clean_fd(&upstream->fd);
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

static void
attempt_failed(struct upstream *upstream)
{
	loop_timer_stop(upstream->loop, &upstream->timer);
	loop_remove(upstream->loop, &upstream->watch);
	clean_fd(&upstream->fd);
	dial_next(upstream);
}

static void
attempt_late(void *self)
{
	struct upstream *upstream = self;

	fail(&upstream->why, ERR_TIMEOUT, "it does not answer");
	attempt_failed(upstream);
}

static void
attempt_ready(void *self, uint32_t events)
{
	struct upstream *upstream = self;
	int error = 0;
	socklen_t length = sizeof(error);

	(void)events;
	getsockopt(upstream->fd, SOL_SOCKET, SO_ERROR, &error, &length);
	if (error != 0) {
		errno = error;
		fail_errno(&upstream->why, ERR_UNAVAILABLE, "connect");
		attempt_failed(upstream);
		return;
	}
	loop_timer_stop(upstream->loop, &upstream->timer);
	loop_remove(upstream->loop, &upstream->watch);
	connected(upstream, leg_new(upstream->loop, fd_take(&upstream->fd)));
}

static socklen_t
socket_address(const struct address *from, uint16_t port, struct sockaddr_storage *out)
{
	struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(port)};
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};

	if (from->length == 4) {
		memcpy(&v4.sin_addr, from->bytes, 4);
		memcpy(out, &v4, sizeof(v4));
		return sizeof(v4);
	}
	memcpy(&v6.sin6_addr, from->bytes, 16);
	memcpy(out, &v6, sizeof(v6));
	return sizeof(v6);
}

static bool
attempt(struct upstream *upstream, const struct address *address)
{
	struct sockaddr_storage to = {0};
	socklen_t length = socket_address(address, upstream->connection->port, &to);
	int on = 1;

	upstream->fd = socket(to.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (upstream->fd < 0) {
		fail_errno(&upstream->why, ERR_UNAVAILABLE, "socket");
		return false;
	}
	setsockopt(upstream->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	setsockopt(upstream->fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	if (connect(upstream->fd, (struct sockaddr *)&to, length) < 0 && errno != EINPROGRESS) {
		fail_errno(&upstream->why, ERR_UNAVAILABLE, "connect");
		clean_fd(&upstream->fd);
		return false;
	}
	if (loop_add(upstream->loop, &upstream->watch, upstream->fd, EPOLLOUT, attempt_ready, upstream, &upstream->why) == OK)
		return true;
	clean_fd(&upstream->fd);
	return false;
}

static void
dial_next(struct upstream *upstream)
{
	struct connection *connection = upstream->connection;
	uint64_t now = clock_ms(), left = upstream->until_ms > now ? upstream->until_ms - now : 0;

	if (upstream->pin) {
		upstream_done(upstream, OK, &upstream->why);
		return;
	}
	while (left > 0 && upstream->next < connection->pinned_n)
		if (attempt(upstream, &connection->pinned[upstream->next++])) {
			if (upstream->next < connection->pinned_n && left > ATTEMPT_MS)
				left = ATTEMPT_MS;
			loop_timer_set(upstream->loop, &upstream->timer, left, attempt_late, upstream);
			return;
		}
	because(&upstream->why, ERR_UNAVAILABLE, "%s:%u", connection->host, connection->port);
	upstream_done(upstream, left > 0 ? ERR_UNAVAILABLE : ERR_TIMEOUT, &upstream->why);
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
		dial_next(upstream);
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
		dial_next(upstream);
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
	upstream->fd = -1;
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
