/* The inside of CURVE links, for curve_socket.c, curve_zap.c (who may connect), curve_link.c (peers) and curve_monitor.c. */
#ifndef COMMON_BUS_CURVE_INSIDE_H
#define COMMON_BUS_CURVE_INSIDE_H

#include <zmq.h>

#include "common/bus/curve.h"

#define BUCKETS	      1024
#define ROUTING_BYTES 16
#define SRCFD_NONE    (-1)

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

/* The bytes of a frame, borrowed from it. */
static inline struct span
frame_span(zmq_msg_t *frame)
{
	return span_of_bytes(zmq_msg_data(frame), zmq_msg_size(frame));
}

/* ---- who may connect (curve_zap.c) ---- */

/* NULL: the roster has no such key. Borrowed. */
const struct roster_entry *roster_find(const struct curve *curve, const uint8_t key[32]);

/* Answer one question of libzmq's. False: there is none. */
bool zap_serve(struct curve *curve);

/* ---- peers (curve_link.c) ---- */

/* A ROUTER's link by its routing id; NULL: there is none. */
struct link *link_find(struct socket *socket, const void *routing, size_t n);

/* A new one, known by the key that its first message carries. NULL: that carries none. */
struct link *link_new(struct socket *socket, zmq_msg_t *routing, zmq_msg_t *first);

/* It is over, for a reason; its peer is told. */
void link_down(struct link *link, const char *words);

/* Was the connection with this routing id cut, and is it not yet gone? */
bool severed_find(struct socket *socket, const void *routing, size_t n);
void severed_forget(struct severed *severed);

/* What the peer of a DEALER sends and ends by. */
extern const struct transport dialled_transport;

/* ---- what libzmq keeps to itself (curve_monitor.c) ---- */

/* Take one event. False: there is none. */
bool monitor_serve(struct socket *socket);

/* A connection has spoken, or ended. */
void silent_ended(struct socket *socket, int fd);
void silent_forget(struct socket *socket, struct silent *silent);

#endif
