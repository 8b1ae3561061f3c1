/* Peeking: the first bytes of a connection are looked at while they stay in the socket, for whoever serves it then. */
#ifndef SANDBOX_PROXY_PEEK_H
#define SANDBOX_PROXY_PEEK_H

#include "sandbox/proxy/connection.h"

/*
 * Call ready(connection, bytes) with all that is there, at most room bytes (borrowed for the call), each time that more
 * has come; once with no bytes when the agent has ended its sending or the socket is broken.
 *
 * errors  ERR_SYSTEM it cannot be watched
 */
enum err peek_begin(struct connection *connection, size_t room,
    void (*ready)(struct connection *connection, struct span bytes), struct why *why) must_check;
void peek_end(struct connection *connection);

/* Take bytes that were peeked at out of the socket. */
void peek_take(struct connection *connection, size_t length);

#define PEEK_MAX 8193 /* one more than the longest first head */

#endif
