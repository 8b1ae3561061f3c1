/* Raw relaying: bytes both ways as they are, by splice between plain legs. */
#ifndef SANDBOX_PROXY_RAW_H
#define SANDBOX_PROXY_RAW_H

#include "sandbox/proxy/connection.h"

struct pipes;

/* Relay between the agent's leg and this one (taken over) until both have ended; calls connection_end. */
void raw_relay(struct connection *connection, struct leg *upstream);

/* Open the way first where there is none yet; what cannot be reached is told as an event and ends the connection. */
void raw_open(struct connection *connection);

#endif
