/* The explicit proxy's first head: CONNECT, or a request in absolute form (policy-and-proxy 5.5, 5.6). */
#ifndef SANDBOX_PROXY_EXPLICIT_H
#define SANDBOX_PROXY_EXPLICIT_H

#include "sandbox/proxy/connection.h"

/* A connection to the explicit proxy was accepted: takes it over. */
void explicit_begin(struct connection *connection);

#endif
