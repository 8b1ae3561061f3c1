/* Errands: one for each request of the proxy's, from route_open to route_end. */
#ifndef ROUTER_ERRAND_H
#define ROUTER_ERRAND_H

#include "common/bus/stream.h"
#include "common/wire/http_head.h"
#include "sandbox/router/request.h"
#include "sandbox/router/router.h"

#define ERRAND_ANSWER_BYTES 65536 /* read ahead of the proxy's credit, where an answer is looked through */

enum errand_state {
	ERRAND_GATHERS, /* its body comes in pieces */
	ERRAND_ASKS,	/* for a token that goes with it */
	ERRAND_WAITS,	/* for an upstream */
	ERRAND_SENT,
	ERRAND_TUNNEL, /* upgraded */
	ERRAND_OVER,   /* the proxy has been told, or has left */
};

struct upstream;
struct errand;

/* What its upstream does with it. */
struct errand_kind {
	void (*pump)(struct errand *errand);   /* there is more of its body, or its end */
	void (*resume)(struct errand *errand); /* there is room for its answer again */
	void (*leave)(struct errand *errand);  /* it is over, or is given up */
};

struct errand {
	struct router *router;
	struct list link, waiting;
	uint64_t number; /* as the proxy calls it */
	enum errand_state state;
	struct request request;
	struct upstream *upstream;	/* NULL: none (any more) */
	const struct errand_kind *kind; /* of the upstream */
	struct stream_in in;		/* channel 0: the body, or an upgraded connection's bytes up */
	struct stream_out out;		/* channel 1 */
	struct bytes body;		/* waits for room upstream */
	size_t body_owed;		/* bytes of channel 0 in it, whose credit is not given back */
	uint64_t body_came;		/* of a body with a length */
	bool body_ended;		/* all of it came */
	bool body_begun;		/* some of it has gone upstream */
	bool body_closed;		/* upstream has been told so */
	struct bytes message;		/* pieces of a WebSocket message that is not whole */
	struct bytes answer;		/* waits for credit, or is looked through */
	bool answer_ended, no_body;
	bool head_told; /* of its answer, but for interim ones */
	bool begun;	/* some of it was sent upstream */
	bool retried;
	struct msg_plain_field *trailers; /* in request.memory */
	size_t trailers_n;
	struct timer late; /* no head yet */
	void *flow;	   /* h2.c's */
};

/* ---- for upstreams ---- */

/* How many bytes of the answer may be handed over now. */
size_t errand_room(struct errand *errand);
/* A head; of a final one, what follows. has_body: errand_answer, then errand_answered. Otherwise it is over. */
void errand_head(struct errand *errand, const struct http_head *head, bool has_body);
void errand_upgraded(struct errand *errand, const struct http_head *head);
void errand_answer(struct errand *errand, struct span bytes);
void errand_answered(struct errand *errand, const struct http_field *trailers, size_t n);
/* n bytes of its body were taken from errand->body. */
void errand_body_taken(struct errand *errand, size_t n);

/* It cannot be done: the proxy is told. */
void errand_fail(struct errand *errand, const char *code, const struct why *why);

/* Over: leave the upstream, forget it. */
void errand_free(struct errand *errand);

/* The proxy takes nothing: it is gone, or as good as gone. */
void errand_untold(struct errand *errand, const struct why *why);

/* It needs its upstream no more. */
void errand_leave(struct errand *errand);

/* There is credit again: what waits of the answer goes. */
void errand_flush(struct errand *errand);

#endif
