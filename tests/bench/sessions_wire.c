/* Connections of simulated links over one context of libzmq: what common/bus/curve_socket.c does for one link with a context. */
#include "tests/bench/sessions_wire.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <zmq.h>

#include "common/base/clean.h"
#include "common/bus/curve.h"

static struct list dirty = {&dirty, &dirty};

void
give_up(const char *what, const char *words)
{
	fprintf(stderr, "sessions: %s: %s\n", what, words);
	exit(1);
}

static void
look_again(struct wire *wire)
{
	list_remove(&wire->dirty);
	list_append(&dirty, &wire->dirty);
}

static enum err
wire_send(struct peer *peer, struct span bytes, const int *fds, size_t fds_n, struct why *why)
{
	struct wire *wire = peer->wire;

	(void)fds;
	(void)fds_n;
	look_again(wire); /* sending may swallow the edge of what has come */
	if (zmq_send(wire->zmq, bytes.at, bytes.length, ZMQ_DONTWAIT) < 0)
		return fail(why, ERR_UNAVAILABLE, "send: %s", zmq_strerror(zmq_errno()));
	return OK;
}

static void
wire_cut(struct peer *peer)
{
	(void)peer;
	give_up("the relay", "it broke the rules");
}

static void
wire_free(struct peer *peer)
{
	(void)peer;
}

static const struct transport transport = {wire_send, wire_cut, wire_free};

/* Two frames an event, the number first (zmq_socket_monitor(3)). */
static bool
monitor_serve(struct wire *wire)
{
	struct why why = {"its connection ended"};
	uint8_t frame[6];
	char address[8];
	uint16_t event;

	if (zmq_recv(wire->monitor, frame, sizeof(frame), ZMQ_DONTWAIT) < 0)
		return false;
	zmq_recv(wire->monitor, address, sizeof(address), ZMQ_DONTWAIT);
	memcpy(&event, frame, sizeof(event));
	if (event == ZMQ_EVENT_HANDSHAKE_SUCCEEDED)
		peer_greet(wire->peer);
	else if (event == ZMQ_EVENT_DISCONNECTED)
		peer_is_down(wire->peer, &why);
	return true;
}

static bool
receive(struct wire *wire)
{
	static char bytes[1 << 16];
	int n = zmq_recv(wire->zmq, bytes, sizeof(bytes), ZMQ_DONTWAIT);

	if (n < 0)
		return false;
	if ((size_t)n > sizeof(bytes))
		give_up("a message", "longer than any that is expected");
	peer_receive(wire->peer, span_of_bytes(bytes, (size_t)n), NULL, 0);
	return true;
}

static bool
work(void *self)
{
	bool worked = !list_empty(&dirty);
	struct wire *wire;

	(void)self;
	list_each(wire, &dirty, struct wire, dirty) {
		list_remove(&wire->dirty);
		while (monitor_serve(wire) || receive(wire))
			continue;
	}
	return worked;
}

static void
woken(void *self, uint32_t events)
{
	(void)events;
	look_again(self);
}

/* libzmq's descriptors are edge-triggered. */
static void
watch_zmq(struct loop *loop, struct wire *wire, void *zmq, struct watch *watch)
{
	size_t size = sizeof(int);
	struct why why;
	int fd;

	if (zmq_getsockopt(zmq, ZMQ_FD, &fd, &size) < 0)
		give_up("ZMQ_FD", zmq_strerror(zmq_errno()));
	if (loop_add(loop, watch, fd, EPOLLIN | (uint32_t)EPOLLET, woken, wire, &why) != OK)
		give_up("watch", why.text);
}

/* As common/bus/curve_socket.c sets up who dials. */
static bool
set_up(void *zmq, const uint8_t relay[32])
{
	static const struct {
		int option, value;
	} numbers[] = {{ZMQ_LINGER, 0}, {ZMQ_SNDHWM, 0}, {ZMQ_RCVHWM, 0}, {ZMQ_HANDSHAKE_IVL, 10000},
	    {ZMQ_IMMEDIATE, 1}, {ZMQ_RECONNECT_IVL, 20}, {ZMQ_RECONNECT_IVL_MAX, 1000}};
	struct secret secret;
	uint8_t key[32];
	bool good = true;

	curve_keypair(&secret, key);
	for (size_t i = 0; i < COUNT(numbers); i++)
		good &= zmq_setsockopt(zmq, numbers[i].option, &numbers[i].value, sizeof(int)) == 0;
	return good && zmq_setsockopt(zmq, ZMQ_CURVE_SECRETKEY, secret.bytes, 32) == 0 &&
	       zmq_setsockopt(zmq, ZMQ_CURVE_PUBLICKEY, key, 32) == 0 &&
	       zmq_setsockopt(zmq, ZMQ_CURVE_SERVERKEY, relay, 32) == 0;
}

struct peer *
wire_open(struct wire *wire, struct bus *bus, void *context, const char *endpoint, const uint8_t relay[32])
{
	char name[64];

	snprintf(name, sizeof(name), "inproc://%p", (void *)wire);
	wire->peer = peer_new(bus, ROLE_RELAY, "relay", &transport, wire);
	wire->peer->dialled = true;
	if ((wire->zmq = zmq_socket(context, ZMQ_DEALER)) == NULL || !set_up(wire->zmq, relay) ||
	    zmq_socket_monitor(wire->zmq, name, ZMQ_EVENT_DISCONNECTED | ZMQ_EVENT_HANDSHAKE_SUCCEEDED) < 0 ||
	    (wire->monitor = zmq_socket(context, ZMQ_PAIR)) == NULL || zmq_connect(wire->monitor, name) < 0)
		give_up("socket", zmq_strerror(zmq_errno()));
	watch_zmq(bus->loop, wire, wire->zmq, &wire->watch);
	watch_zmq(bus->loop, wire, wire->monitor, &wire->monitor_watch);
	if (zmq_connect(wire->zmq, endpoint) < 0)
		give_up(endpoint, zmq_strerror(zmq_errno()));
	look_again(wire);
	return wire->peer;
}

void *
wires_begin(struct loop *loop, size_t count)
{
	static struct idle idle;
	void *context = zmq_ctx_new();

	if (context == NULL || zmq_ctx_set(context, ZMQ_MAX_SOCKETS, (int)(3 * count + 16)) < 0)
		give_up("ZeroMQ", zmq_strerror(zmq_errno()));
	loop_idle(loop, &idle, work, NULL);
	return context;
}
