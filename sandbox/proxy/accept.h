/* Accepting: the three listeners inside the agent's network. */
#ifndef SANDBOX_PROXY_ACCEPT_H
#define SANDBOX_PROXY_ACCEPT_H

#include "sandbox/proxy/connection.h"

enum { LISTEN_V4, LISTEN_V6, LISTEN_EXPLICIT, LISTENERS };

struct accept;

/* Accept from these (taken over; -1: none) until accept_free. */
enum err accept_new(struct proxy *proxy, int fds[LISTENERS], struct accept **out, struct why *why) must_check;
void accept_free(struct accept *accept);

#endif
