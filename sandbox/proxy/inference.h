/* inference.local: model calls of the agent, made over one of the route's backends by the router (policy-and-proxy 10). */
#ifndef SANDBOX_PROXY_INFERENCE_H
#define SANDBOX_PROXY_INFERENCE_H

#include "sandbox/proxy/http.h"

struct backends;

/* The connection is to inference.local: answer CONNECT, where it was asked for, and serve what comes over TLS. */
void inference_serve(struct connection *connection);

/* An exchange of such a connection: its head has been checked; its body is whole; its body is too large. */
void inference_begin(struct exchange *exchange);
void inference_collected(struct exchange *exchange);
void inference_too_large(struct exchange *exchange);

/* It is over: frees what a call has. Nothing where there is none. */
void inference_forget(struct exchange *exchange);

void backends_free(struct backends *backends); /* no longer the proxy's; NULL does nothing */

/*
 * Where inference.local leads from now on; calls under way keep what they have.
 *
 * in      inference_set, from the supervisor
 * out     done
 * errors  ERR_LIMIT too large
 */
handler inference_set;

#endif
