/* Fields: which the proxy may have written into a request's head or behind its body. */
#ifndef ROUTER_FIELDS_H
#define ROUTER_FIELDS_H

#include <stdbool.h>

#include "common/base/span.h"

/*
 * May it stand in a head? Framing, connection and authority are written by the router itself; of the rest it is what a
 * proxy may pass on, in the form that the router would write.
 *
 * upgrade  to a WebSocket, which has fields of its own
 */
bool fields_may_hold(struct span name, struct span value, bool upgrade);

/* May it stand behind a body? What may in a head, less what says how to read, route or trust it (RFC 9110, 6.5.1). */
bool fields_may_trail(struct span name, struct span value);

/* Do servers send it back? Then it may hold no secret. */
bool fields_echoed(struct span name);

#endif
