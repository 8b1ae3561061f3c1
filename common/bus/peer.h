/* Peers: the other ends of this process's links, calls to them with deadlines, and dispatch of what they send. */
#ifndef COMMON_BUS_PEER_H
#define COMMON_BUS_PEER_H

#include "common/base/list.h"
#include "common/base/secret.h"
#include "common/bus/codec.h"
#include "common/os/loop.h"

#define PEER_NAME_BYTES	 64
#define CALL_DEADLINE_MS 10000 /* where a caller has no better idea */

/*
 * Handle one message. Shape, bounds and role have been checked.
 *
 * self    what bus.self holds
 * answer  for requests: fill in id and struct, or leave MSG_NONE after reply_later. Its spans need to live until the
 *         handler returns (use m->arena)
 * returns an error is answered as such (requests) or counted and logged (events)
 */
typedef enum err handler(void *self, struct msg *m, struct msg *answer, struct why *why);

/* Which message goes where; ends with {0}. */
struct route {
	enum msg_id id;
	handler *handle;
	uint32_t states;     /* bits of bus.state in which it is served; 0: always */
	uint32_t per_second; /* from one peer; 0: not limited. Above it: ERR_LIMIT */
};

struct bus;

/* How bytes leave; filled in by channel.c and curve_link.c. */
struct transport {
	/* Send one encoded envelope; ERR_UNAVAILABLE when the link is gone, ERR_LIMIT when its queue is full. */
	enum err (*send)(struct peer *peer, struct span bytes, const int *fds, size_t fds_n, struct why *why);
	/* End the link: the peer broke the rules. */
	void (*cut)(struct peer *peer);
	void (*free)(struct peer *peer);
};

/* The other end of a link. Counted: holders take peer_ref and give peer_unref. */
struct peer {
	struct bus *bus;
	enum role role;
	char name[PEER_NAME_BYTES];
	uint8_t key[32];   /* CURVE public key; zero on channels */
	uint32_t release;  /* that both sides know: what is sent and taken is of this release of proto/bus.def */
	struct id sandbox; /* ROLE_LINK: whose */
	uint32_t epoch;	   /* ROLE_LINK: which start of it */
	bool up;	   /* connected and greeted */
	bool ended;	   /* its link went down; for one that was not dialled, for good */
	bool dialled;	   /* we connect to it, and it comes back by itself */
	void *self;	   /* the owner's session, set in peer_up */
	struct list calls; /* ours, waiting for its answer */
	struct list link;  /* in bus.peers */
	unsigned references;
	uint32_t life;	 /* grows with each connection, so that no answer reaches a later one */
	uint64_t second; /* rate: which second, how many per route */
	uint32_t *in_second;
	const struct transport *transport;
	void *wire; /* the transport's own */
};

/* This process on the bus. Zero it, fill the upper half, then bus_init. */
struct bus {
	struct loop *loop;
	enum role role;
	const char *name;							 /* for hello and logs */
	const struct route *routes;						 /* ends with {0} */
	void *self;								 /* handed to handlers and to these: */
	void (*peer_up)(void *self, struct peer *peer);				 /* may be NULL */
	void (*peer_down)(void *self, struct peer *peer, const struct why *why); /* calls have failed already */
	uint32_t state;	  /* which routes are open, see struct route */
	uint32_t release; /* 0: this one's, BUS_RELEASE; a test may be of the last one */

	struct list peers;
	uint64_t next_call;
	struct arena arena; /* of the message being handled */
	char *buffer;	    /* encoding */
	size_t room;
	uint64_t refused; /* messages that broke a rule, since the start */
};

void bus_init(struct bus *bus);
void bus_done(struct bus *bus);

/* The first peer of that role (and name, unless NULL); NULL when there is none. Borrowed. */
struct peer *bus_peer(struct bus *bus, enum role role, const char *name);

struct peer *peer_ref(struct peer *peer);
void peer_unref(struct peer *peer); /* NULL does nothing */

/* Is told how a call ended, exactly once: r is OK with the answer (borrowed for the call), or why it failed. */
typedef void call_done(void *self, enum err r, struct msg *answer, const struct why *why);

/*
 * Ask a peer. done runs later from the loop, never from inside this call, also when sending fails or the peer is away:
 * ERR_UNAVAILABLE (away, or went away), ERR_TIMEOUT past deadline_ms, ERR_PROTOCOL, or the error it answered.
 *
 * m       copied; fds on channels only, borrowed
 * returns a number for call_cancel
 */
uint64_t peer_call(struct peer *peer, const struct msg *m, uint32_t deadline_ms, call_done *done, void *self);

/* Forget a call: done will not run. 0 or an ended call does nothing. */
void call_cancel(struct peer *peer, uint64_t call);

/* Tell a peer an event. ERR_UNAVAILABLE when it is away; events may be lost when a link breaks. */
enum err peer_tell(struct peer *peer, const struct msg *m, struct why *why) must_check;

/* To answer a request after its handler returned. */
struct reply {
	struct peer *peer; /* holds a reference; NULL once answered */
	uint64_t call;
	uint32_t life; /* of the link when it was asked */
};

/* In a handler: the answer follows through the reply. The handler returns OK. */
struct reply reply_later(const struct msg *m);

/* Answer (once; further answers do nothing). When the peer is gone the answer is dropped. */
void reply_send(struct reply *reply, const struct msg *answer);
void reply_fail(struct reply *reply, enum err code, const struct why *why);

/* ---- for transports ---- */

struct peer *peer_new(struct bus *bus, enum role role, const char *name, const struct transport *transport, void *wire);

/* Connected and greeted: calls owner's peer_up. */
void peer_is_up(struct peer *peer);

/* Dialled and connected: greet it; it is up once it has welcomed us. */
void peer_greet(struct peer *peer);

/* Gone: open calls fail with ERR_UNAVAILABLE, then the owner's peer_down. A peer that was not dialled is unref'ed. */
void peer_is_down(struct peer *peer, const struct why *why);

/*
 * Bytes came: decode, check role, dispatch. A breach is counted, logged (by us: a daemon must not be able to forget it)
 * and cuts the peer. fds are closed here unless a handler took them.
 */
void peer_receive(struct peer *peer, struct span bytes, int *fds, size_t fds_n);

#endif
