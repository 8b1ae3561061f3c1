/*
 * CURVE links over libzmq. ROUTER serves, DEALER dials. Keys decide who somebody is: our own ZAP handler answers from
 * the roster and hands the key on as the message's User-Id. Monitors tell what libzmq keeps to itself: links that came
 * and went (ROUTER: by the descriptor that each message carries as SRCFD; one I/O thread keeps the order of events).
 */
#include "common/bus/curve.h"

#include <assert.h>
#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <zmq.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/text.h"

#define BUCKETS		 1024
#define TURN_MESSAGES	 256 /* of one socket before the others get their turn */
#define RECONNECT_MS	 20
#define RECONNECT_MAX_MS 1000
#define CONNECT_MS	 1500 /* a cable that was cut is back: the next try comes within 2 s */
#define UNHEARD_MS                                                                                                     \
	4000 /* bytes that nobody acknowledges end a TCP connection; less than the pauses between retransmissions grow to */
#define SRCFD_NONE    (-1)
#define ROUTING_BYTES 16
#define SILENT_MS     15000 /* from connecting to the first message; the CURVE handshake alone has 10 s */
#define SILENT_MAX    1000  /* connections at a time that have said nothing yet */

struct socket {
	struct curve *curve;
	struct socket *next;
	void *zmq, *monitor;
	struct watch watch, monitor_watch;
	bool strangers;
	struct peer *dialled; /* DEALER: the peer; NULL: a ROUTER */
	char endpoint[ENDPOINT_BYTES];
	struct list links;    /* ROUTER: all, newest last */
	struct list *buckets; /* ROUTER: by routing id */
	struct list severed;  /* ROUTER: connections that were cut and are not yet gone */
	struct list silent;   /* ROUTER: connections without a message so far, oldest first */
	size_t silent_n;
	struct timer silence;
};

/* A connection that was cut: what it had sent before libzmq ends it is dropped, and makes no new peer. */
struct severed {
	struct list link;
	uint8_t routing[ROUTING_BYTES];
	size_t routing_n;
	int fd;
};

/* A connection that libzmq has accepted and nobody has spoken on: it must not hold its descriptor for ever. */
struct silent {
	struct list link;
	int fd;
	uint64_t since_ms;
};

/* A ROUTER's peer: where to send, which descriptor it came from. */
struct link {
	struct list in_all, in_bucket;
	struct socket *socket;
	struct peer *peer;
	uint8_t routing[ROUTING_BYTES];
	size_t routing_n;
	int fd;
	bool gone;
};

struct curve {
	struct bus *bus;
	void *context, *zap;
	struct watch zap_watch;
	struct idle idle;
	struct socket *sockets;
	struct roster_entry *roster;
	size_t roster_n;
	struct secret secret;
	uint8_t key[32];
};

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

static const struct roster_entry *
roster_find(const struct curve *curve, const uint8_t key[32])
{
	for (size_t i = 0; i < curve->roster_n; i++)
		if (memcmp(curve->roster[i].key, key, 32) == 0)
			return &curve->roster[i];
	return NULL;
}

/* ---- ZAP (RFC 27/ZAP): who may connect ---- */

#define ZAP_FRAMES 7 /* version, request, domain, address, identity, mechanism, key */

static size_t
zap_receive(void *zap, zmq_msg_t frames[ZAP_FRAMES])
{
	size_t n = 0;
	int more = 1;

	while (more && n < ZAP_FRAMES) {
		zmq_msg_init(&frames[n]);
		if (zmq_msg_recv(&frames[n], zap, ZMQ_DONTWAIT) < 0)
			return n;
		more = zmq_msg_more(&frames[n++]);
	}
	while (more) {
		zmq_msg_t rest;

		zmq_msg_init(&rest);
		if (zmq_msg_recv(&rest, zap, ZMQ_DONTWAIT) < 0)
			break;
		more = zmq_msg_more(&rest);
		zmq_msg_close(&rest);
		n = 0; /* too many frames: refuse */
	}
	return n;
}

static struct span
frame_span(zmq_msg_t *frame)
{
	return span_of_bytes(zmq_msg_data(frame), zmq_msg_size(frame));
}

static bool
zap_allows(const struct curve *curve, zmq_msg_t *frames, size_t n, char user[65])
{
	struct span domain, key;

	user[0] = '\0';
	if (n != ZAP_FRAMES || !span_is(frame_span(&frames[0]), "1.0") || !span_is(frame_span(&frames[5]), "CURVE"))
		return false;
	domain = frame_span(&frames[2]);
	key = frame_span(&frames[6]);
	if (key.length != 32)
		return false;
	hex_write(key.at, 32, user);
	return span_is(domain, "strangers") || roster_find(curve, (const uint8_t *)key.at) != NULL;
}

static bool
zap_serve(struct curve *curve)
{
	zmq_msg_t frames[ZAP_FRAMES];
	char user[65];
	size_t n = zap_receive(curve->zap, frames);
	bool allowed;

	if (n == 0)
		return false;
	allowed = zap_allows(curve, frames, n, user);
	if (!allowed)
		log_warning("bus.key", "refused=%s", user);
	zmq_send(curve->zap, "1.0", 3, ZMQ_SNDMORE);
	zmq_send(curve->zap, n > 1 ? zmq_msg_data(&frames[1]) : "", n > 1 ? zmq_msg_size(&frames[1]) : 0, ZMQ_SNDMORE);
	zmq_send(curve->zap, allowed ? "200" : "400", 3, ZMQ_SNDMORE);
	zmq_send(curve->zap, "", 0, ZMQ_SNDMORE);
	zmq_send(curve->zap, user, strlen(user), ZMQ_SNDMORE);
	zmq_send(curve->zap, "", 0, 0);
	for (size_t i = 0; i < n; i++)
		zmq_msg_close(&frames[i]);
	return true;
}

/* ---- links of a ROUTER ---- */

static struct list *
bucket_of(struct socket *socket, const void *routing, size_t n)
{
	const uint8_t *p = routing;
	uint32_t hash = 2166136261u;

	for (size_t i = 0; i < n; i++)
		hash = (hash ^ p[i]) * 16777619u;
	return &socket->buckets[hash % BUCKETS];
}

static struct link *
link_find(struct socket *socket, const void *routing, size_t n)
{
	struct link *link;

	list_each(link, bucket_of(socket, routing, n), struct link, in_bucket)
		if (link->routing_n == n && memcmp(link->routing, routing, n) == 0)
			return link;
	return NULL;
}

/* Out of the tables; the struct stays with its peer. */
static void
link_forget(struct link *link)
{
	link->gone = true;
	list_remove(&link->in_all);
	list_remove(&link->in_bucket);
}

static void
link_down(struct link *link, const char *words)
{
	struct why why = {0};

	if (link->gone)
		return;
	link_forget(link);
	fail(&why, ERR_UNAVAILABLE, "%s", words);
	peer_is_down(link->peer, &why);
}

/* libzmq is done with a message: it may have held a key or a token. Runs on its I/O thread. */
static void
wipe(void *bytes, void *length)
{
	explicit_bzero(bytes, (size_t)(uintptr_t)length);
	free(bytes);
}

/* zmq_send of a copy that is wiped when it has been sent. */
static bool
send_wiped(void *zmq, struct span bytes)
{
	char *copy = malloc(bytes.length + 1);
	zmq_msg_t message;

	if (copy == NULL)
		abort();
	memcpy(copy, bytes.at, bytes.length);
	if (zmq_msg_init_data(&message, copy, bytes.length, wipe, (void *)(uintptr_t)bytes.length) < 0)
		abort();
	if (zmq_msg_send(&message, zmq, ZMQ_DONTWAIT) >= 0)
		return true;
	zmq_msg_close(&message);
	return false;
}

static void
close_wiped(zmq_msg_t *message)
{
	explicit_bzero(zmq_msg_data(message), zmq_msg_size(message));
	zmq_msg_close(message);
}

static enum err
link_send(struct peer *peer, struct span bytes, const int *fds, size_t fds_n, struct why *why)
{
	struct link *link = peer->wire;

	(void)fds;
	assert(fds_n == 0);
	if (link->gone)
		return fail(why, ERR_UNAVAILABLE, "%s is gone", peer->name);
	if (zmq_send(link->socket->zmq, link->routing, link->routing_n, ZMQ_SNDMORE | ZMQ_DONTWAIT) < 0)
		return fail(why, errno == EHOSTUNREACH ? ERR_UNAVAILABLE : ERR_LIMIT, "send to %s: %s", peer->name,
		    zmq_strerror(errno));
	if (!send_wiped(link->socket->zmq, bytes))
		return fail(why, ERR_UNAVAILABLE, "send to %s: %s", peer->name, zmq_strerror(errno));
	return OK;
}

static bool
severed_find(struct socket *socket, const void *routing, size_t n)
{
	struct severed *severed;

	list_each(severed, &socket->severed, struct severed, link)
		if (severed->routing_n == n && memcmp(severed->routing, routing, n) == 0)
			return true;
	return false;
}

static void
severed_forget(struct severed *severed)
{
	list_remove(&severed->link);
	free(severed);
}

static void
sever(struct link *link)
{
	struct severed *severed = calloc(1, sizeof(*severed));

	if (severed == NULL)
		abort();
	severed->fd = link->fd;
	severed->routing_n = link->routing_n;
	memcpy(severed->routing, link->routing, link->routing_n);
	list_append(&link->socket->severed, &severed->link);
	shutdown(link->fd, SHUT_RDWR);
}

static bool monitor_serve(struct socket *socket);

/*
 * A ROUTER cannot drop one of its peers: shut its descriptor down and let the I/O thread find out. Descriptors that it
 * has closed meanwhile must be known first, so that none of their numbers' new owners is hit.
 */
static void
link_cut(struct peer *peer)
{
	struct link *link = peer->wire;

	peer_ref(peer);
	while (!link->gone && monitor_serve(link->socket))
		continue;
	if (!link->gone && link->fd >= 0)
		sever(link);
	link_down(link, "it broke the rules or was ended");
	peer_unref(peer);
}

static void
link_free(struct peer *peer)
{
	struct link *link = peer->wire;

	link_forget(link);
	free(link);
}

static const struct transport link_transport = {link_send, link_cut, link_free};

static void silent_ended(struct socket *socket, int fd);

static struct link *
link_new(struct socket *socket, zmq_msg_t *routing, zmq_msg_t *first)
{
	const char *user = zmq_msg_gets(first, "User-Id");
	struct link *link = calloc(1, sizeof(*link)), *other;
	const struct roster_entry *entry;
	uint8_t key[32];

	if (link == NULL)
		abort();
	if (user == NULL || !hex_read(span_of_text(user), key, sizeof(key)) ||
	    zmq_msg_size(routing) > sizeof(link->routing)) {
		free(link);
		return NULL;
	}
	entry = socket->strangers ? NULL : roster_find(socket->curve, key);
	if (entry != NULL)
		list_each(other, &socket->links, struct link, in_all)
			if (memcmp(other->peer->key, key, sizeof(key)) == 0) {
				link_down(other, "it connected anew");
				break;
			}
	link->socket = socket;
	link->routing_n = zmq_msg_size(routing);
	memcpy(link->routing, zmq_msg_data(routing), link->routing_n);
	link->fd = zmq_msg_get(first, ZMQ_SRCFD);
	silent_ended(socket, link->fd);
	link->peer = peer_new(socket->curve->bus, entry == NULL ? ROLE_STRANGER : entry->role,
	    entry == NULL ? "stranger" : entry->name, &link_transport, link);
	memcpy(link->peer->key, key, sizeof(key));
	list_append(&socket->links, &link->in_all);
	list_append(bucket_of(socket, link->routing, link->routing_n), &link->in_bucket);
	return link;
}

void
peer_enrol(struct peer *peer, struct id sandbox, uint32_t epoch)
{
	assert(peer->role == ROLE_STRANGER || peer->role == ROLE_LINK);
	peer->role = ROLE_LINK;
	peer->sandbox = sandbox;
	peer->epoch = epoch;
	snprintf(peer->name, sizeof(peer->name), "sandbox %s", id_text(sandbox));
}

/* ---- the peer of a DEALER ---- */

static enum err
dialled_send(struct peer *peer, struct span bytes, const int *fds, size_t fds_n, struct why *why)
{
	struct socket *socket = peer->wire;

	(void)fds;
	assert(fds_n == 0);
	if (socket == NULL)
		return fail(why, ERR_UNAVAILABLE, "%s is gone", peer->name);
	if (!send_wiped(socket->zmq, bytes))
		return fail(why, ERR_UNAVAILABLE, "send to %s: %s", peer->name, zmq_strerror(errno));
	return OK;
}

/* End this connection; a new one is dialled. */
static void
dialled_cut(struct peer *peer)
{
	struct socket *socket = peer->wire;
	struct why why = {0};

	if (socket == NULL)
		return;
	zmq_disconnect(socket->zmq, socket->endpoint);
	fail(&why, ERR_UNAVAILABLE, "it broke the rules or was ended");
	peer_is_down(peer, &why);
	if (peer->wire != NULL)
		zmq_connect(socket->zmq, socket->endpoint);
}

static void
dialled_free(struct peer *peer)
{
	(void)peer;
}

static const struct transport dialled_transport = {dialled_send, dialled_cut, dialled_free};

/* ---- connections that say nothing ---- */

static void
silent_forget(struct socket *socket, struct silent *silent)
{
	list_remove(&silent->link);
	socket->silent_n--;
	free(silent);
}

static void
silent_ended(struct socket *socket, int fd)
{
	struct silent *silent;

	list_each(silent, &socket->silent, struct silent, link)
		if (silent->fd == fd) {
			silent_forget(socket, silent);
			return;
		}
}

static void
silence_over(void *self)
{
	struct socket *socket = self;
	uint64_t now = clock_ms();
	struct silent *silent;

	while (monitor_serve(socket))
		continue;
	list_each(silent, &socket->silent, struct silent, link) {
		if (now - silent->since_ms < SILENT_MS && socket->silent_n <= SILENT_MAX)
			break;
		shutdown(silent->fd, SHUT_RDWR);
		silent_forget(socket, silent);
	}
	if (!list_empty(&socket->silent))
		loop_timer_set(socket->curve->bus->loop, &socket->silence, SILENT_MS, silence_over, socket);
}

static void
silent_began(struct socket *socket, int fd)
{
	struct silent *silent = calloc(1, sizeof(*silent));

	if (silent == NULL)
		abort();
	silent->fd = fd;
	silent->since_ms = clock_ms();
	list_append(&socket->silent, &silent->link);
	if (socket->silent_n++ == 0)
		loop_timer_set(socket->curve->bus->loop, &socket->silence, SILENT_MS, silence_over, socket);
	else if (socket->silent_n > SILENT_MAX) /* from the loop: here we may be inside silence_over, any number deep */
		loop_timer_set(socket->curve->bus->loop, &socket->silence, 0, silence_over, socket);
}

/* ---- monitors ---- */

static void
descriptor_gone(struct socket *socket, int fd)
{
	struct severed *severed;
	struct link *link;

	silent_ended(socket, fd);
	list_each(severed, &socket->severed, struct severed, link)
		if (severed->fd == fd)
			severed_forget(severed);
	list_each(link, &socket->links, struct link, in_all)
		if (link->fd == fd) {
			link->fd = SRCFD_NONE;
			link_down(link, "its connection ended");
			return;
		}
}

static void
monitor_event(struct socket *socket, uint16_t event, uint32_t value)
{
	struct why why = {0};

	if (socket->dialled == NULL) {
		if (event == ZMQ_EVENT_DISCONNECTED)
			descriptor_gone(socket, (int)value);
		else if (event == ZMQ_EVENT_ACCEPTED)
			silent_began(socket, (int)value);
		return;
	}
	if (event == ZMQ_EVENT_HANDSHAKE_SUCCEEDED) {
		peer_greet(socket->dialled);
	} else if (event == ZMQ_EVENT_DISCONNECTED) {
		fail(&why, ERR_UNAVAILABLE, "its connection ended");
		peer_is_down(socket->dialled, &why);
	} else if (event == ZMQ_EVENT_HANDSHAKE_FAILED_AUTH || event == ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL) {
		log_warning("bus.handshake", "peer=%s refused our key or we its", socket->dialled->name);
	}
}

/* Two frames an event: number (16 bit) and value (32 bit), then the address (zmq_socket_monitor(3)). */
static bool
monitor_serve(struct socket *socket)
{
	uint8_t frame[6];
	char address[8];
	uint16_t event;
	uint32_t value;

	if (socket->monitor == NULL || zmq_recv(socket->monitor, frame, sizeof(frame), ZMQ_DONTWAIT) != sizeof(frame))
		return false;
	zmq_recv(socket->monitor, address, sizeof(address), ZMQ_DONTWAIT);
	memcpy(&event, frame, sizeof(event));
	memcpy(&value, frame + 2, sizeof(value));
	monitor_event(socket, event, value);
	return true;
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
