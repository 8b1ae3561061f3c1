/* Routes: which message goes where in the relay. */
#ifndef RELAY_ROUTES_H
#define RELAY_ROUTES_H

#include "common/bus/peer.h"

extern const struct route relay_routes[];

#endif
