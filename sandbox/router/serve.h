/* The router at work: what begins and ends with its two peers. */
#ifndef ROUTER_SERVE_H
#define ROUTER_SERVE_H

#include "sandbox/router/router.h"

void router_init(struct router *router, struct loop *loop);
void router_done(struct router *router);

extern const struct route router_routes[];

handler router_setup, channel_give, secrets_push;

#endif
