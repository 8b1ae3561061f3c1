/* The inside of sniffing, for sniff.c (in clear), sniff_tls.c (behind TLS) and sniff_server.c (who speaks first). */
#ifndef SANDBOX_PROXY_SNIFF_INSIDE_H
#define SANDBOX_PROXY_SNIFF_INSIDE_H

#include "sandbox/proxy/connection.h"

/* Who serves it from here on. */
void serve_http(struct connection *connection);
void serve_raw(struct connection *connection);
void serve_other(struct connection *connection); /* raw, or refused where requests must be judged */

/* It ends before anybody served it. */
void sniff_ended(struct connection *connection, const char *why);

/* No more is waited for (of timers: self is the connection): what came is neither TLS nor HTTP. */
void first_late(void *self);
void first_idle(void *self); /* nothing came, of either side */
void inner_late(void *self); /* behind TLS, while connection->relay holds the first bytes */

/* The agent's hello is there: open it. */
void tls_begin(struct connection *connection);

/* Dial the server, unless requests are inspected, and serve raw when it is the first to speak. */
void listen_to_server(struct connection *connection);

#endif
