/* Transparent connections: the agent dialled somewhere, and the kernel brought it here. */
#ifndef SANDBOX_PROXY_TRANSPARENT_H
#define SANDBOX_PROXY_TRANSPARENT_H

#include "sandbox/proxy/connection.h"

/* A connection that was meant for somewhere else was accepted: takes it over. */
void transparent_begin(struct connection *connection);

#endif
