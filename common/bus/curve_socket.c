/*
 * CURVE links over libzmq. ROUTER serves, DEALER dials. Keys decide who somebody is: our own ZAP handler answers from
 * the roster and hands the key on as the message's User-Id. Monitors tell what libzmq keeps to itself: links that came
 * and went (ROUTER: by the descriptor that each message carries as SRCFD; one I/O thread keeps the order of events).
 */
#include "common/bus/curve_inside.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>

#define TURN_MESSAGES	 256 /* of one socket before the others get their turn */
#define RECONNECT_MS	 20
#define RECONNECT_MAX_MS 1000
#define CONNECT_MS	 1500 /* a cable that was cut is back: the next try comes within 2 s */
/* Bytes that nobody acknowledges end a TCP connection: less than the pauses between retransmissions grow to. */
#define UNHEARD_MS 4000

void
curve_public(const struct secret *secret, uint8_t key[32])
{
	if (crypto_scalarmult_base(key, secret->bytes) != 0)
		abort();
}

void
curve_keypair(struct secret *secret, uint8_t key[32])
{
	if (sodium_init() < 0 || crypto_box_keypair(key, secret->bytes) != 0)
		abort();
}

/* ---- what comes in ---- */

static void
router_got(struct socket *socket, zmq_msg_t *routing, zmq_msg_t *bytes)
{
	struct link *link = link_find(socket, zmq_msg_data(routing), zmq_msg_size(routing));

	if (link == NULL) {
		/* What ended before this connection began must be known before it takes over the descriptor. */
		while (monitor_serve(socket))
			continue;
		if (severed_find(socket, zmq_msg_data(routing), zmq_msg_size(routing)))
			return;
		link = link_new(socket, routing, bytes);
	}
	if (link != NULL)
		peer_receive(link->peer, frame_span(bytes), NULL, 0);
}

/* A message of exactly as many frames as this kind of socket has; anything else is read off and dropped. */
static bool
receive_frames(void *zmq, zmq_msg_t *frames, size_t want, bool *good)
{
	size_t n = 0;
	int more = 1;

	*good = true;
	for (; more; n++) {
		zmq_msg_t *frame = &frames[n < want ? n : want - 1];

		if (n >= want)
			zmq_msg_close(frame);
		zmq_msg_init(frame);
		if (zmq_msg_recv(frame, zmq, ZMQ_DONTWAIT) < 0) {
			zmq_msg_close(frame);
			return false;
		}
		more = zmq_msg_more(frame);
	}
	*good = n == want;
	for (size_t i = n; i < want; i++)
		zmq_msg_init(&frames[i]);
	return true;
}

static void
close_wiped(zmq_msg_t *message)
{
	explicit_bzero(zmq_msg_data(message), zmq_msg_size(message));
	zmq_msg_close(message);
}

static bool
socket_receive(struct socket *socket)
{
	size_t want = socket->dialled == NULL ? 2 : 1;
	zmq_msg_t frames[2];
	bool good;

	if (!receive_frames(socket->zmq, frames, want, &good))
		return false;
	if (good && socket->dialled == NULL)
		router_got(socket, &frames[0], &frames[1]);
	else if (good)
		peer_receive(socket->dialled, frame_span(&frames[0]), NULL, 0);
	for (size_t i = 0; i < want; i++)
		close_wiped(&frames[i]);
	return true;
}

static bool
socket_serve(struct socket *socket)
{
	bool worked = false;

	while (monitor_serve(socket))
		worked = true;
	for (int i = 0; i < TURN_MESSAGES && socket_receive(socket); i++)
		worked = true;
	return worked;
}

/* libzmq's descriptors are edge-triggered: whatever woke us, ask every socket until none has anything. */
static bool
curve_work(void *self)
{
	struct curve *curve = self;
	bool worked = zap_serve(curve);

	for (struct socket *socket = curve->sockets; socket != NULL; socket = socket->next)
		worked |= socket_serve(socket);
	return worked;
}

static void
woken(void *self, uint32_t events)
{
	(void)self;
	(void)events; /* curve_work runs before the loop sleeps again */
}

/* ---- making and ending ---- */

static enum err
watch_zmq(struct curve *curve, void *zmq, struct watch *watch, struct why *why)
{
	size_t size = sizeof(int);
	int fd;

	if (zmq_getsockopt(zmq, ZMQ_FD, &fd, &size) < 0)
		return fail(why, ERR_SYSTEM, "ZMQ_FD: %s", zmq_strerror(errno));
	return loop_add(curve->bus->loop, watch, fd, EPOLLIN | (uint32_t)EPOLLET, woken, curve, why);
}

enum err
curve_new(struct curve **out, struct bus *bus, const struct secret *secret, const struct roster_entry *roster,
    size_t roster_n, struct why *why)
{
	struct curve *curve = calloc(1, sizeof(*curve));
	enum err r;

	if (curve == NULL || (curve->roster = calloc(roster_n + 1, sizeof(*roster))) == NULL)
		abort();
	if (sodium_init() < 0) {
		free(curve->roster);
		free(curve);
		return fail(why, ERR_SYSTEM, "libsodium does not start");
	}
	curve->bus = bus;
	curve->roster_n = roster_n;
	if (roster_n > 0)
		memcpy(curve->roster, roster, roster_n * sizeof(*roster));
	curve->secret = *secret;
	curve_public(secret, curve->key);
	if ((curve->context = zmq_ctx_new()) == NULL || zmq_ctx_set(curve->context, ZMQ_MAX_SOCKETS, 1023) < 0 ||
	    (curve->zap = zmq_socket(curve->context, ZMQ_REP)) == NULL ||
	    zmq_bind(curve->zap, "inproc://zeromq.zap.01") < 0)
		r = fail(why, ERR_SYSTEM, "start ZeroMQ: %s", zmq_strerror(errno));
	else
		r = watch_zmq(curve, curve->zap, &curve->zap_watch, why);
	if (r != OK) {
		curve_free(curve);
		return r;
	}
	loop_idle(bus->loop, &curve->idle, curve_work, curve);
	*out = curve;
	return OK;
}

static void
socket_free(struct socket *socket)
{
	struct loop *loop = socket->curve->bus->loop;
	struct severed *severed;
	struct silent *silent;
	struct link *link;

	if (socket->buckets != NULL)
		list_each(link, &socket->links, struct link, in_all)
			link_down(link, "this process ends");
	if (socket->dialled != NULL) {
		struct why why = {"this process ends"};

		peer_is_down(socket->dialled, &why);
		socket->dialled->wire = NULL;
		peer_unref(socket->dialled);
	}
	list_each(silent, &socket->silent, struct silent, link)
		silent_forget(socket, silent);
	list_each(severed, &socket->severed, struct severed, link)
		severed_forget(severed);
	loop_timer_stop(loop, &socket->silence);
	loop_remove(loop, &socket->watch);
	loop_remove(loop, &socket->monitor_watch);
	zmq_socket_monitor(socket->zmq, NULL, 0);
	if (socket->monitor != NULL)
		zmq_close(socket->monitor);
	zmq_close(socket->zmq);
	free(socket->buckets);
	free(socket);
}

void
curve_free(struct curve *curve)
{
	if (curve == NULL)
		return;
	for (struct socket *next; curve->sockets != NULL; curve->sockets = next) {
		next = curve->sockets->next;
		socket_free(curve->sockets);
	}
	loop_idle_remove(curve->bus->loop, &curve->idle);
	loop_remove(curve->bus->loop, &curve->zap_watch);
	if (curve->zap != NULL)
		zmq_close(curve->zap);
	if (curve->context != NULL)
		zmq_ctx_term(curve->context);
	secret_wipe(&curve->secret);
	free(curve->roster);
	free(curve);
}

static bool
set_number(void *zmq, int option, int value)
{
	return zmq_setsockopt(zmq, option, &value, sizeof(value)) == 0;
}

/* What every socket has: no limit that drops silently (credit bounds what is under way), no lingering, bounded messages. */
static bool
set_common(struct curve *curve, void *zmq)
{
	int64_t longest = MSG_BYTES_MAX + 64;

	return set_number(zmq, ZMQ_LINGER, 0) && set_number(zmq, ZMQ_SNDHWM, 0) && set_number(zmq, ZMQ_RCVHWM, 0) &&
	       set_number(zmq, ZMQ_IPV6, 1) && set_number(zmq, ZMQ_TCP_KEEPALIVE, 1) &&
	       set_number(zmq, ZMQ_TCP_KEEPALIVE_IDLE, 20) && set_number(zmq, ZMQ_TCP_KEEPALIVE_INTVL, 5) &&
	       set_number(zmq, ZMQ_TCP_KEEPALIVE_CNT, 4) && set_number(zmq, ZMQ_HANDSHAKE_IVL, 10000) &&
	       set_number(zmq, ZMQ_TCP_MAXRT, UNHEARD_MS) && set_number(zmq, ZMQ_CONNECT_TIMEOUT, CONNECT_MS) &&
	       zmq_setsockopt(zmq, ZMQ_MAXMSGSIZE, &longest, sizeof(longest)) == 0 &&
	       zmq_setsockopt(zmq, ZMQ_CURVE_SECRETKEY, curve->secret.bytes, 32) == 0;
}

static enum err
monitor_open(struct socket *socket, struct why *why)
{
	static unsigned count;
	char name[64];

	snprintf(name, sizeof(name), "inproc://monitor.%u", ++count);
	if (zmq_socket_monitor(socket->zmq, name,
		ZMQ_EVENT_ACCEPTED | ZMQ_EVENT_DISCONNECTED | ZMQ_EVENT_HANDSHAKE_SUCCEEDED |
		    ZMQ_EVENT_HANDSHAKE_FAILED_AUTH | ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL) < 0 ||
	    (socket->monitor = zmq_socket(socket->curve->context, ZMQ_PAIR)) == NULL ||
	    !set_number(socket->monitor, ZMQ_LINGER, 0) || !set_number(socket->monitor, ZMQ_RCVHWM, 0) ||
	    zmq_connect(socket->monitor, name) < 0)
		return fail(why, ERR_SYSTEM, "monitor: %s", zmq_strerror(errno));
	return watch_zmq(socket->curve, socket->monitor, &socket->monitor_watch, why);
}

static enum err
socket_new(struct curve *curve, int type, const char *endpoint, struct socket **out, struct why *why)
{
	struct socket *socket = calloc(1, sizeof(*socket));
	enum err r;

	if (socket == NULL)
		abort();
	socket->curve = curve;
	list_init(&socket->links);
	list_init(&socket->silent);
	list_init(&socket->severed);
	snprintf(socket->endpoint, sizeof(socket->endpoint), "%s", endpoint);
	if (strlen(endpoint) >= sizeof(socket->endpoint) || (socket->zmq = zmq_socket(curve->context, type)) == NULL) {
		free(socket);
		return fail(why, ERR_SYSTEM, "socket for %s", endpoint);
	}
	if (!set_common(curve, socket->zmq))
		r = fail(why, ERR_SYSTEM, "set up %s: %s", endpoint, zmq_strerror(errno));
	else if ((r = monitor_open(socket, why)) == OK)
		r = watch_zmq(curve, socket->zmq, &socket->watch, why);
	if (r != OK) {
		socket_free(socket);
		return r;
	}
	*out = socket;
	return OK;
}

static void
socket_add(struct socket *socket)
{
	socket->next = socket->curve->sockets;
	socket->curve->sockets = socket;
}

enum err
curve_bind(struct curve *curve, const char *endpoint, bool strangers, struct why *why)
{
	const char *domain = strangers ? "strangers" : "roster";
	struct socket *socket;
	enum err r;

	if ((r = socket_new(curve, ZMQ_ROUTER, endpoint, &socket, why)) != OK)
		return r;
	socket->strangers = strangers;
	if ((socket->buckets = calloc(BUCKETS, sizeof(*socket->buckets))) == NULL)
		abort();
	for (size_t i = 0; i < BUCKETS; i++)
		list_init(&socket->buckets[i]);
	if (!set_number(socket->zmq, ZMQ_CURVE_SERVER, 1) || !set_number(socket->zmq, ZMQ_ROUTER_MANDATORY, 1) ||
	    !set_number(socket->zmq, ZMQ_BACKLOG, 1024) ||
	    zmq_setsockopt(socket->zmq, ZMQ_ZAP_DOMAIN, domain, strlen(domain)) < 0 ||
	    zmq_bind(socket->zmq, endpoint) < 0) {
		r = fail(why, ERR_SYSTEM, "serve at %s: %s", endpoint, zmq_strerror(errno));
		socket_free(socket);
		return r;
	}
	/* The directory decides who reaches a Unix socket, the CURVE key who is served. */
	if (strncmp(endpoint, "ipc://", 6) == 0 && chmod(endpoint + 6, 0666) < 0) {
		r = fail_errno(why, ERR_SYSTEM, "serve at %s: mode", endpoint);
		socket_free(socket);
		return r;
	}
	socket_add(socket);
	return OK;
}

enum err
curve_connect_key(struct curve *curve, const char *endpoint, enum role role, const char *name, const uint8_t key[32],
    struct peer **out, struct why *why)
{
	struct socket *socket;
	enum err r;

	if ((r = socket_new(curve, ZMQ_DEALER, endpoint, &socket, why)) != OK)
		return r;
	if (!set_number(socket->zmq, ZMQ_IMMEDIATE, 1) || !set_number(socket->zmq, ZMQ_RECONNECT_IVL, RECONNECT_MS) ||
	    !set_number(socket->zmq, ZMQ_RECONNECT_IVL_MAX, RECONNECT_MAX_MS) ||
	    zmq_setsockopt(socket->zmq, ZMQ_CURVE_SERVERKEY, key, 32) < 0 ||
	    zmq_setsockopt(socket->zmq, ZMQ_CURVE_PUBLICKEY, curve->key, 32) < 0) {
		r = fail(why, ERR_SYSTEM, "set up %s: %s", endpoint, zmq_strerror(errno));
		socket_free(socket);
		return r;
	}
	socket->dialled = peer_new(curve->bus, role, name, &dialled_transport, socket);
	socket->dialled->dialled = true;
	memcpy(socket->dialled->key, key, 32);
	if (zmq_connect(socket->zmq, endpoint) < 0) {
		r = fail(why, ERR_SYSTEM, "dial %s: %s", endpoint, zmq_strerror(errno));
		socket_free(socket);
		return r;
	}
	socket_add(socket);
	*out = socket->dialled;
	return OK;
}

enum err
curve_connect(
    struct curve *curve, const char *endpoint, enum role role, const char *name, struct peer **out, struct why *why)
{
	for (size_t i = 0; i < curve->roster_n; i++)
		if (curve->roster[i].role == role && strcmp(curve->roster[i].name, name) == 0)
			return curve_connect_key(curve, endpoint, role, name, curve->roster[i].key, out, why);
	return fail(why, ERR_NOT_FOUND, "the roster has no %s named %s", role_name(role), name);
}
