/* Asking: what the proxy says of a request. */
#ifndef ROUTER_ASK_H
#define ROUTER_ASK_H

#include "common/bus/peer.h"

handler route_open, route_pieces, route_trailers, route_close, route_data, route_grant, route_finish;

#endif
