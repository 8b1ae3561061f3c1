/* Routes: which message goes where in the proxy, and in which state. */
#ifndef SANDBOX_PROXY_ROUTES_H
#define SANDBOX_PROXY_ROUTES_H

#include "common/bus/peer.h"

extern const struct route proxy_routes[];

#endif
