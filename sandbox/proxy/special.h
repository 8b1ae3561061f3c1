/* Special names: answered here, before identity and policy (policy-and-proxy 1, step 3). */
#ifndef SANDBOX_PROXY_SPECIAL_H
#define SANDBOX_PROXY_SPECIAL_H

#include "sandbox/proxy/connection.h"

/* The row of connection->host and port, reached in this way (connection->how); NULL: none. */
struct special;
const struct special *special_find(const struct connection *connection);

/* Is it a name that is found without a proxy: has it an address whatever the policy says? */
bool special_name(const char *host);

/* Serve the connection, or answer and end it. */
void special_serve(const struct special *special, struct connection *connection);

#endif
