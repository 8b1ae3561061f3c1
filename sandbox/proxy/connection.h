/* A connection: what the agent opened, whom it was judged for, where it may go; the ground that relays stand on. */
#ifndef SANDBOX_PROXY_CONNECTION_H
#define SANDBOX_PROXY_CONNECTION_H

#include "common/base/arena.h"
#include "common/base/list.h"
#include "common/bus/peer.h"
#include "common/policy/destination.h"
#include "common/leg/leg.h"

#define CONNECTION_ADDRESSES 16

struct proxy;
struct name;

enum how { HOW_TRANSPARENT = 1, HOW_CONNECT, HOW_FORWARD };

/* Lives from accept to the close of both legs. */
struct connection {
	struct proxy *proxy;
	uint64_t number;
	enum how how;
	struct leg *agent; /* the agent's side */
	char host[256];	   /* where it goes, as judged: no brackets */
	uint16_t port;
	bool tls;			     /* the agent speaks TLS, which was opened here */
	bool inference;			     /* it is to inference.local: no policy was asked */
	struct arena memory;		     /* of what was judged; ceiling 64 KiB */
	struct msg_connection_judged judged; /* in memory */
	struct list link;		     /* in proxy.connections */
	struct list awaited;		     /* in proxy.awaited, or in none */
	void *relay;			     /* what serves it now: http.c or raw.c */
	void (*relay_end)(
	    struct connection *connection, const char *why); /* the policy changed, or we stop: end it now */

	/* For the files before http.c and raw.c. */
	struct address client, server; /* the agent's socket, and what it is connected to */
	uint16_t client_port, server_port;
	struct name *name;     /* the synthetic address it came by; NULL: none */
	bool judged_allowed;   /* policyd knows it and must be told of its end */
	uint32_t policyd_life; /* which one that was */
	uint64_t judging;      /* call to policyd, or 0 */
	void *admission;       /* what waits for it: judge.c */
	void (*admitted)(struct connection *connection, enum err r, const struct why *why); /* admit.c */
	uint64_t dialling;  /* upstream_open of the way in, or 0 */
	struct timer timer; /* of the way in: heads, first bytes, idle */
	struct watch peek;  /* of the way in: bytes that are looked at and not taken (peek.h) */
	void (*peeked)(struct connection *connection, struct span bytes);
	uint16_t peek_room;
	bool peek_last;		/* no more will come than was seen */
	const char *what;	/* absolute form: "METHOD /path", in memory; NULL: CONNECT */
	bool opened;		/* its way was open: told */
	bool sniffing;		/* the first bytes are waited for, of either side */
	struct address *pinned; /* in memory: the addresses that the destination rule let through */
	size_t pinned_n;
	struct leg *dialled; /* connected already; the first upstream_open takes it */
	bool hello;	     /* its first bytes are TLS that is not opened here */
	bool onward;	     /* TLS to there goes by the operator's proxy (onward.h); known with pinned */
	bool listened;	     /* though it does, its server was dialled, to hear whether that speaks first */
	struct address *via; /* in memory: that proxy's addresses, where they were needed */
	size_t via_n;
};

/*
 * Dial the place the connection was judged for: resolve it (admitted connections only), judge every address by the
 * destination rule, connect within 15 s, and for tls verify the certificate for connection->host. The addresses are
 * pinned to the connection: a later call on it resolves nothing again.
 *
 * alpn    what to offer with tls: "h2,http/1.1" or "http/1.1"; NULL none
 * done    later from the loop, exactly once: OK with the leg (the caller's from then on), ERR_DENIED the destination
 *         rule refused (why says the detail of section 7), ERR_UNAVAILABLE it cannot be reached or verified, ERR_TIMEOUT,
 *         ERR_PROTOCOL it speaks nothing of alpn
 * An early dial of the way in (connection->dialling, ->dialled) is taken over by the first call.
 *
 * returns a number for upstream_cancel, never 0
 */
uint64_t upstream_open(struct connection *connection, bool tls, const char *alpn,
    void (*done)(void *self, enum err r, struct leg *leg, const struct why *why), void *self);

/* The same up to its addresses: connection->pinned is what may be dialled; done gets no leg. */
uint64_t upstream_pin(struct connection *connection,
    void (*done)(void *self, enum err r, struct leg *leg, const struct why *why), void *self);

/* Forget it: done will not run. 0 or one that is done does nothing. */
void upstream_cancel(struct proxy *proxy, uint64_t number);

/*
 * Ask policyd about one request; questions of one turn of the loop travel together.
 *
 * question  copied; its request and connection are filled in here
 * done      later from the loop, exactly once: OK with the verdict (borrowed for the call), or why there is none:
 *           treat it as a refusal and close
 * returns a number for judge_cancel, never 0
 */
uint64_t judge_request(struct connection *connection, const struct msg_question *question,
    void (*done)(void *self, enum err r, const struct msg_verdict *verdict, const struct why *why), void *self);
void judge_cancel(struct proxy *proxy, uint64_t number);

/* One OCSF event; see event.h. */
struct event;
void connection_event(struct connection *connection, const struct event *event);

/*
 * A connection that was accepted; NULL when there are as many as there may be (fd is closed then, and it is counted).
 *
 * fd  non-blocking, taken over
 */
struct connection *connection_new(struct proxy *proxy, int fd, enum how how);

/*
 * The connection is over: closes the agent's leg (what was written to it still arrives), tells policyd, frees it.
 * upstream_open and judge_request calls of it must have been cancelled or be done.
 */
void connection_end(struct connection *connection);

/* End all of them that match (NULL: all), by their relay_end; each may end others on its way. */
void connections_end(struct proxy *proxy, bool (*match)(const struct connection *connection), const char *why);

/*
 * http.c: serve HTTP/1.1 or HTTP/2 (by the leg's ALPN, or its first bytes) on the agent's leg until it ends: each request
 * judged, forwarded, answered. Takes the connection over and calls connection_end.
 */
void http_serve(struct connection *connection);

/*
 * http.c: the same for one absolute-form request to the explicit proxy, whose head is the first that leg_read gives.
 * Answers 502, 403 ... itself.
 */
void http_forward(struct connection *connection);

#endif
