/* Routes: a table. */
#include "sandbox/proxy/routes.h"

#include "sandbox/proxy/generation.h"
#include "sandbox/proxy/inference.h"
#include "sandbox/proxy/metadata.h"
#include "sandbox/proxy/proxy.h"
#include "sandbox/proxy/routed.h"
#include "sandbox/proxy/setup.h"
#include "sandbox/proxy/tokens.h"

/* clang-format off */
const struct route proxy_routes[] = {
	{PROXY_SETUP, proxy_setup, PROXY_WAITING, 0},
	{PROXY_LISTEN, proxy_listen, PROXY_RUNNING, 0},
	{PROXY_NAMES, proxy_names, PROXY_RUNNING, 0},
	{CHANNEL_GIVE, channel_give, PROXY_RUNNING, 0},
	{GENERATION, generation, PROXY_RUNNING, 0},
	{METADATA_SET, metadata_set, PROXY_RUNNING, 0},
	{SLOTS, slots, PROXY_RUNNING, 0},
	{ROUTE_HEAD, route_head, PROXY_RUNNING, 0},
	{ROUTE_END, route_end, PROXY_RUNNING, 0},
	{STREAM_DATA, routed_data, PROXY_RUNNING, 0},
	{STREAM_GRANT, routed_credit, PROXY_RUNNING, 0},
	{STREAM_END, routed_data_end, PROXY_RUNNING, 0},
	{INFERENCE_SET, inference_set, PROXY_RUNNING, 0},
	{0},
};
/* clang-format on */
