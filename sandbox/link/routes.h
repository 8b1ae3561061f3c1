/* Routes: which message goes where in the link. */
#ifndef LINK_ROUTES_H
#define LINK_ROUTES_H

#include "common/bus/peer.h"

extern const struct route link_routes[];

#endif
