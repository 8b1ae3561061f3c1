/* Settings of credentials. */
#ifndef CREDENTIALS_CONFIG_H
#define CREDENTIALS_CONFIG_H

#include "common/service/service.h"

struct config {
	struct service_config service;
	char master_key_file[SERVICE_PATH_BYTES];
	char ring_file[SERVICE_PATH_BYTES];
	char progress_file[SERVICE_PATH_BYTES]; /* "": none */
	char fetch_program[SERVICE_PATH_BYTES]; /* "": credentials-fetch beside this program */
	uint32_t fetch_limit_ms;
	char ca_file[SERVICE_PATH_BYTES];	/* "": none */
};

extern const struct setting credentials_settings[];

#endif
