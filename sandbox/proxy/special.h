/* Special names: answered here, before identity and policy (policy-and-proxy 1, step 3). */
#ifndef SANDBOX_PROXY_SPECIAL_H
#define SANDBOX_PROXY_SPECIAL_H

#include "sandbox/proxy/connection.h"

/* The row of connection->host and port, reached in this way (connection->how); NULL: none. */
struct special;
const struct special *special_find(const struct connection *connection);

/* Answer and end the connection. */
void special_serve(const struct special *special, struct connection *connection);

#endif
