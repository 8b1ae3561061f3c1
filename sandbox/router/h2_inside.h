/* The inside of upstreams in HTTP/2, for h2.c (the session), h2_request.c and h2_answer.c. */
#ifndef ROUTER_H2_INSIDE_H
#define ROUTER_H2_INSIDE_H

#include <nghttp2/nghttp2.h>

#include "sandbox/router/upstream.h"

/* One errand's stream. */
struct flow {
	struct list link;
	struct errand *errand; /* NULL: it has left */
	struct upstream *upstream;
	int32_t stream;
	bool deferred, head_done, ended; /* ended: all of the answer came */
	struct bytes in;		 /* waits for the proxy */
	struct http_field trailers[HTTP_TRAILERS_MAX];
	size_t trailers_n;
	struct arena memory; /* of what is read */
};

/* Of a connection: its streams, and the head that is being read, one at a time. */
struct reading {
	struct list flows;
	struct http_head head;
	size_t bytes;
	bool bad;
	uint64_t second;
	unsigned frames;
};

/* h2_request.c: of the upstream's kind */
bool h2_start(struct upstream *upstream, struct errand *errand);
void h2_pump(struct errand *errand);

/* h2_answer.c: what comes */
void h2_listen(nghttp2_session_callbacks *callbacks);
void h2_resume(struct errand *errand);

/* The errand has all, or wants no more; the stream may live on a little. NULL: it had left before. */
struct errand *h2_part(struct flow *flow);
void h2_flow_free(struct flow *flow);

#endif
