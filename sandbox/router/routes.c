/* Routes: which message goes where in the router, and in which state. */
#include "sandbox/router/ask.h"
#include "sandbox/router/serve.h"

/* clang-format off */
const struct route router_routes[] = {
	{ROUTER_SETUP, router_setup, ROUTER_WAITING, 0},
	{SECRETS_PUSH, secrets_push, ROUTER_RUNNING, 0},
	{CHANNEL_GIVE, channel_give, ROUTER_RUNNING, 0},
	{ROUTE_OPEN, route_open, ROUTER_RUNNING, 0},
	{ROUTE_PIECES, route_pieces, ROUTER_RUNNING, 0},
	{ROUTE_TRAILERS, route_trailers, ROUTER_RUNNING, 0},
	{ROUTE_CLOSE, route_close, ROUTER_RUNNING, 0},
	{STREAM_DATA, route_data, ROUTER_RUNNING, 0},
	{STREAM_GRANT, route_grant, ROUTER_RUNNING, 0},
	{STREAM_END, route_finish, ROUTER_RUNNING, 0},
	{0},
};
/* clang-format on */
