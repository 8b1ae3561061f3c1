/*
 * Links of simulated sandboxes: each has a CURVE key and a connection of its own, enrols, says which policy it decides by,
 * and does it all again when the relay comes back. A context of libzmq for each, as common/bus/curve.h has it, would be two
 * threads and ten descriptors a link; here all links of a process share one.
 */
#include "tests/bench/sessions_links.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <zmq.h>

#include "common/base/clean.h"
#include "common/bus/curve.h"
#include "sandbox/link/backoff.h"

struct guest {
	void *zmq, *monitor;
	struct watch watch, monitor_watch;
	struct list dirty; /* in dirty: its sockets may have something for us */
	struct peer *peer;
	struct timer again;
	uint64_t call; /* that waits for its answer; 0: none */
	uint32_t delay_ms;
	struct id sandbox;
	struct msg_config_applied applied; /* policy_version 0: not enrolled */
};

static struct list dirty;
static const uint8_t bytes32[32] = {3};

static void __attribute__((noreturn))
give_up(const char *what, const char *words)
{
	fprintf(stderr, "sessions: %s: %s\n", what, words);
	exit(1);
}

struct id
links_id(uint32_t number)
{
	struct id id = {{0}};

	memcpy(id.bytes, &number, sizeof(number));
	id.bytes[15] = 1;
	return id;
}

/* ---- what a link says ---- */

static void go_on(void *self);

/* What state refuses for a reason of its own stays refused: then there is nothing to measure. */
static void
later(struct guest *guest, enum err r, const struct why *why)
{
	if (!backoff_helps(r))
		give_up("a link was refused", why->text);
	if (guest->peer->up) /* otherwise its return begins anew */
		loop_timer_set(guest->peer->bus->loop, &guest->again, backoff_next(&guest->delay_ms), go_on, guest);
}

static void
acknowledged(void *self, enum err r, struct msg *answer, const struct why *why)
{
	struct guest *guest = self;

	(void)answer;
	guest->call = 0;
	if (r != OK)
		later(guest, r, why);
}

static void
enrolled(void *self, enum err r, struct msg *answer, const struct why *why)
{
	struct guest *guest = self;

	guest->call = 0;
	if (r != OK) {
		later(guest, r, why);
		return;
	}
	guest->delay_ms = 0;
	guest->applied = (struct msg_config_applied){.sandbox = guest->sandbox,
	    .epoch = 1,
	    .instance = guest->sandbox,
	    .policy_version = answer->enrolled.policy_version,
	    .config_revision = answer->enrolled.config_revision,
	    .loaded = true};
	go_on(guest);
}

/* Enrol, or acknowledge what enrolment brought. */
static void
go_on(void *self)
{
	struct guest *guest = self;
	const struct msg enrol = {.id = ENROL,
	    .enrol = {guest->sandbox, 1, guest->sandbox, span_of_bytes(bytes32, 32), span_of_bytes(bytes32, 32),
		span_of_bytes(bytes32, 32), 0}};
	const struct msg applied = {.id = CONFIG_APPLIED, .config_applied = guest->applied};
	bool in = guest->applied.policy_version != 0;

	if (guest->call == 0)
		guest->call = peer_call(guest->peer, in ? &applied : &enrol, CALL_DEADLINE_MS, in ? acknowledged : enrolled, guest);
}

static void
came_up(void *self, struct peer *peer)
{
	(void)self;
	go_on(peer->self);
}

static void
went_down(void *self, struct peer *peer, const struct why *why)
{
	struct guest *guest = peer->self;

	(void)self;
	(void)why;
	loop_timer_stop(peer->bus->loop, &guest->again);
	guest->applied.policy_version = 0;
}

/* ---- its connection ---- */

static void
look_again(struct guest *guest)
{
	list_remove(&guest->dirty);
	list_append(&dirty, &guest->dirty);
}

static enum err
guest_send(struct peer *peer, struct span bytes, const int *fds, size_t fds_n, struct why *why)
{
	struct guest *guest = peer->wire;

	(void)fds;
	(void)fds_n;
	look_again(guest); /* sending may swallow the edge of what has come */
	if (zmq_send(guest->zmq, bytes.at, bytes.length, ZMQ_DONTWAIT) < 0)
		return fail(why, ERR_UNAVAILABLE, "send: %s", zmq_strerror(zmq_errno()));
	return OK;
}

static void
guest_cut(struct peer *peer)
{
	(void)peer;
	give_up("the relay", "it broke the rules");
}

static void
guest_free(struct peer *peer)
{
	(void)peer;
}

static const struct transport transport = {guest_send, guest_cut, guest_free};

/* Two frames an event, the number first (zmq_socket_monitor(3)). */
static bool
monitor_serve(struct guest *guest)
{
	struct why why = {"its connection ended"};
	uint8_t frame[6];
	char address[8];
	uint16_t event;

	if (zmq_recv(guest->monitor, frame, sizeof(frame), ZMQ_DONTWAIT) < 0)
		return false;
	zmq_recv(guest->monitor, address, sizeof(address), ZMQ_DONTWAIT);
	memcpy(&event, frame, sizeof(event));
	if (event == ZMQ_EVENT_HANDSHAKE_SUCCEEDED)
		peer_greet(guest->peer);
	else if (event == ZMQ_EVENT_DISCONNECTED)
		peer_is_down(guest->peer, &why);
	return true;
}

static bool
receive(struct guest *guest)
{
	static char bytes[1 << 16];
	int n = zmq_recv(guest->zmq, bytes, sizeof(bytes), ZMQ_DONTWAIT);

	if (n < 0)
		return false;
	if ((size_t)n > sizeof(bytes))
		give_up("a message", "longer than any that is expected");
	peer_receive(guest->peer, span_of_bytes(bytes, (size_t)n), NULL, 0);
	return true;
}

static bool
work(void *self)
{
	bool worked = !list_empty(&dirty);
	struct guest *guest;

	(void)self;
	list_each (guest, &dirty, struct guest, dirty) {
		list_remove(&guest->dirty);
		while (monitor_serve(guest) || receive(guest))
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
watch_zmq(struct loop *loop, struct guest *guest, void *zmq, struct watch *watch)
{
	size_t size = sizeof(int);
	struct why why;
	int fd;

	if (zmq_getsockopt(zmq, ZMQ_FD, &fd, &size) < 0)
		give_up("ZMQ_FD", zmq_strerror(zmq_errno()));
	if (loop_add(loop, watch, fd, EPOLLIN | (uint32_t)EPOLLET, woken, guest, &why) != OK)
		give_up("watch", why.text);
}

/* As common/bus/curve.c sets up who dials. */
static bool
set_up(void *zmq, const uint8_t relay[32])
{
	static const struct { int option, value; } numbers[] = {{ZMQ_LINGER, 0}, {ZMQ_SNDHWM, 0}, {ZMQ_RCVHWM, 0},
	    {ZMQ_HANDSHAKE_IVL, 10000}, {ZMQ_IMMEDIATE, 1}, {ZMQ_RECONNECT_IVL, 20}, {ZMQ_RECONNECT_IVL_MAX, 1000}};
	struct secret secret;
	uint8_t key[32];
	bool good = true;

	curve_keypair(&secret, key);
	for (size_t i = 0; i < COUNT(numbers); i++)
		good &= zmq_setsockopt(zmq, numbers[i].option, &numbers[i].value, sizeof(int)) == 0;
	return good && zmq_setsockopt(zmq, ZMQ_CURVE_SECRETKEY, secret.bytes, 32) == 0 &&
	    zmq_setsockopt(zmq, ZMQ_CURVE_PUBLICKEY, key, 32) == 0 && zmq_setsockopt(zmq, ZMQ_CURVE_SERVERKEY, relay, 32) == 0;
}

static void
guest_open(struct guest *guest, struct bus *bus, void *context, const char *endpoint, const uint8_t relay[32])
{
	char name[64];

	snprintf(name, sizeof(name), "inproc://%p", (void *)guest);
	guest->peer = peer_new(bus, ROLE_RELAY, "relay", &transport, guest);
	guest->peer->dialled = true;
	guest->peer->self = guest;
	if ((guest->zmq = zmq_socket(context, ZMQ_DEALER)) == NULL || !set_up(guest->zmq, relay) ||
	    zmq_socket_monitor(guest->zmq, name, ZMQ_EVENT_DISCONNECTED | ZMQ_EVENT_HANDSHAKE_SUCCEEDED) < 0 ||
	    (guest->monitor = zmq_socket(context, ZMQ_PAIR)) == NULL || zmq_connect(guest->monitor, name) < 0)
		give_up("socket", zmq_strerror(zmq_errno()));
	watch_zmq(bus->loop, guest, guest->zmq, &guest->watch);
	watch_zmq(bus->loop, guest, guest->monitor, &guest->monitor_watch);
	if (zmq_connect(guest->zmq, endpoint) < 0)
		give_up(endpoint, zmq_strerror(zmq_errno()));
	look_again(guest);
}

void
links_play(const char *endpoint, const uint8_t relay[32], uint32_t first, size_t count)
{
	static const struct route no_routes[] = {{0}};
	struct bus bus = {.role = ROLE_LINK, .name = "link", .routes = no_routes, .peer_up = came_up, .peer_down = went_down};
	struct guest *guests = calloc(count, sizeof(*guests));
	void *context = zmq_ctx_new();
	struct idle idle = {0};
	struct why why = {0};

	if (guests == NULL || context == NULL || zmq_ctx_set(context, ZMQ_MAX_SOCKETS, (int)(3 * count + 16)) < 0 ||
	    loop_new(&bus.loop, &why) != OK)
		give_up("begin", why.text);
	bus_init(&bus);
	list_init(&dirty);
	loop_idle(bus.loop, &idle, work, NULL);
	for (size_t i = 0; i < count; i++) {
		guests[i].sandbox = links_id(first + (uint32_t)i);
		guest_open(&guests[i], &bus, context, endpoint, relay);
	}
	if (loop_run(bus.loop, &why) != OK)
		give_up("loop", why.text);
	exit(0);
}
