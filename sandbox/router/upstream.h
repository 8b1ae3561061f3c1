/* Upstreams: connections to the world, dialled when an errand needs one, kept for the next to the same place. */
#ifndef ROUTER_UPSTREAM_H
#define ROUTER_UPSTREAM_H

#include "common/leg/dial.h"
#include "common/wire/http_chunk.h"
#include "sandbox/router/errand.h"

#define UPSTREAM_DIAL_MS     10000
#define UPSTREAM_SHAKE_MS    10000
#define UPSTREAM_IDLE_MS     30000
#define UPSTREAM_IDLE_MAX    32
#define UPSTREAM_STREAMS_MAX 100 /* of HTTP/2 */

enum upstream_state { UPSTREAM_DIALLING, UPSTREAM_OPEN, UPSTREAM_DEAD };

/* What HTTP/1.1 and HTTP/2 do each in their way. */
struct upstream_kind {
	/* Send the head; false: not on this connection. */
	bool (*start)(struct upstream *upstream, struct errand *errand);
	void (*drop)(struct upstream *upstream);
	struct errand_kind errand;
};

extern const struct upstream_kind h1_kind, h2_kind;

struct upstream {
	struct router *router;
	struct list link;
	enum upstream_state state;
	char *host;
	uint16_t port;
	bool tls, h2;		/* h2: it was offered */
	struct address address; /* that it is connected to */
	struct address addresses[REQUEST_ADDRESSES_MAX];
	struct dial *dial;
	struct chain *chain; /* the same by the operator's proxy */
	struct leg *leg;     /* in its handshake */
	struct side side;
	const struct upstream_kind *kind;
	bool used;  /* it has served before */
	bool going; /* no more errands for it */
	struct timer idle;
	bool idles;
	/* HTTP/1.1 */
	struct errand *errand; /* that it serves */
	bool answer_head, keep, tunnel;
	enum http_body body;
	uint64_t left;
	struct http_chunk chunk;
	/* HTTP/2 */
	struct nghttp2_session *session;
	unsigned streams;
	void *answer; /* the head that is being read */
};

/* It is to be sent: now, or when there is a connection. */
void upstream_send(struct errand *errand);

/* No longer needed for this errand; h1: keep says whether the connection can serve another. */
void upstream_idle(struct upstream *upstream);
void upstream_room(struct upstream *upstream); /* one stream less */
void upstream_dead(struct upstream *upstream);

/*
 * The connection failed before anything of the answer came: once more on another, or it fails.
 *
 * untouched  the server says that it has done nothing with it
 */
void upstream_retry(struct errand *errand, bool untouched, const struct why *why);

void upstreams_bury(struct router *router);
void upstreams_done(struct router *router);

/* h1.c, h2.c */
void h1_turn(void *self);
void h2_turn(void *self);
void h2_open(struct upstream *upstream);
bool h2_takes_more(const struct upstream *upstream); /* of streams: neither we nor the server say that it is enough */

#endif
