/* Serving: the proxy's beginning and end, and who comes and goes on its bus. */
#ifndef SANDBOX_PROXY_SERVE_H
#define SANDBOX_PROXY_SERVE_H

#include "sandbox/proxy/proxy.h"

/* Zero it first; the bus still has to be joined. */
void proxy_init(struct proxy *proxy, struct loop *loop);

/* End all connections and free everything; the bus last. */
void proxy_done(struct proxy *proxy);

#endif
