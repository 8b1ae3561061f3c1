/* Settings of the relay, each with its bounds and what it is for. */
#include "services/relay/config.h"

const struct setting relay_settings[] = {
    TEXT_SETTING(config, bus_endpoint, 7, ENDPOINT_BYTES - 1, "ipc:///relay/bus", "where api dials the relay"),
    TEXTS_SETTING(config, sandbox_endpoints, 0, 8,
	"where sandboxes dial the relay: ipc:///sandboxes/relay, and tcp://HOST:17671 across machines"),
    {0},
};
