/* The inside of requests by the router, for routed_send.c (there), routed_answer.c (back) and routed_tunnel.c (WebSockets). */
#ifndef SANDBOX_PROXY_ROUTED_INSIDE_H
#define SANDBOX_PROXY_ROUTED_INSIDE_H

#include "common/bus/stream.h"
#include "sandbox/proxy/proxy.h"
#include "sandbox/proxy/routed.h"

#define ROUTED_PIECES 256 /* in one message */

/* One request under way: a back with no connection of ours behind it. */
struct routed {
	struct back back; /* first: it is buried as any other */
	struct proxy *proxy;
	struct list link;	   /* in proxy.routed */
	struct exchange *exchange; /* NULL: it has left */
	const struct routed_watch *watch;
	uint64_t number;
	struct stream_out up;
	struct stream_in down;
	size_t pumped; /* of what was collected: how much has gone */
	bool head;     /* of the answer came */
	bool whole;    /* all of the answer came; it may still wait for the front */
	bool over;     /* the router has forgotten it */
	bool held;     /* a WebSocket message waits until what is before it has gone */
	struct bytes message;
	const struct http_field *trailers;
	size_t trailers_n;
};

/* The one that a front's exchange goes by. */
struct routed *routed_of(const struct exchange *exchange);

/* It cannot be served: whoever watches, or the agent, is told by the code. */
void routed_failed(struct routed *routed, struct span code, struct span reason, bool begun);

/* What was collected goes on as far as there is credit. */
void routed_pump(struct routed *routed);

/* Pass on what came of the answer, as far as there is room for it, then its end. */
void routed_drain(struct routed *routed);

/* routed_tunnel.c: 101 came: bytes pass both ways from here. */
void routed_upgraded(struct routed *routed, struct http_head *answer);
void routed_tunnel_data(struct routed *routed, struct span bytes);
void routed_tunnel_ended(struct routed *routed, struct span code, struct span reason);

#endif
