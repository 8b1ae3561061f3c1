/* Sniffing: the way is open; what the agent speaks decides who serves it (policy-and-proxy 5.5, 11 and 12). */
#ifndef SANDBOX_PROXY_SNIFF_H
#define SANDBOX_PROXY_SNIFF_H

#include "sandbox/proxy/connection.h"

/* The connection is admitted and, where it was asked for by CONNECT, told so: takes it over. */
void sniff_begin(struct connection *connection);

#endif
