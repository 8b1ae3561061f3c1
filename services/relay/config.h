/* Settings of the relay. */
#ifndef RELAY_CONFIG_H
#define RELAY_CONFIG_H

#include "common/service/service.h"

struct config {
	struct service_config service;
	char bus_endpoint[ENDPOINT_BYTES];	/* for api */
	struct setting_texts sandbox_endpoints; /* for links, which are strangers at first */
};

extern const struct setting relay_settings[];

#endif
