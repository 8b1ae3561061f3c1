/* Settings of credentials. */
#ifndef CREDENTIALS_CONFIG_H
#define CREDENTIALS_CONFIG_H

#include "common/service/service.h"

struct config {
	struct service_config service;
	char master_key_file[SERVICE_PATH_BYTES];
	char ring_file[SERVICE_PATH_BYTES];
	char progress_file[SERVICE_PATH_BYTES]; /* "": none */
};

extern const struct setting credentials_settings[];

#endif
