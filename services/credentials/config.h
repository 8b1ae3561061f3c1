/* Settings of credentials. */
#ifndef CREDENTIALS_CONFIG_H
#define CREDENTIALS_CONFIG_H

#include "common/service/service.h"

enum store_kind { STORE_POSTGRES, STORE_VAULT, STORE_KUBERNETES }; /* by store_words */

extern const char *const store_words[];

struct config {
	struct service_config service;
	char master_key_file[SERVICE_PATH_BYTES];
	char master_key_next_file[SERVICE_PATH_BYTES]; /* "": none */
	char ring_file[SERVICE_PATH_BYTES];
	char ledger_file[SERVICE_PATH_BYTES];	/* "": none */
	char progress_file[SERVICE_PATH_BYTES]; /* "": none */
	uint8_t driver_key[32];			/* X25519: the one that claims are boxed for */
	char fetch_program[SERVICE_PATH_BYTES]; /* "": credentials-fetch beside this program */
	uint32_t fetch_limit_ms;
	unsigned store; /* enum store_kind */
	char store_address[1024], store_mount[128], store_namespace[64], store_auth[32], store_auth_mount[128],
	    store_role[128];
	char store_token_file[SERVICE_PATH_BYTES];
	char ca_file[SERVICE_PATH_BYTES];							  /* "": none */
	char upstream_proxy[301], upstream_direct[2001], upstream_login_file[SERVICE_PATH_BYTES]; /* "": none */
	bool upstream_by_name;
};

extern const struct setting credentials_settings[];

#endif
