/* Settings of state. */
#ifndef SERVICES_STATE_CONFIG_H
#define SERVICES_STATE_CONFIG_H

#include "common/service/service.h"

#define DATABASE_URL_BYTES 2048

struct config {
	struct service_config service;
	char listen[ENDPOINT_BYTES];
	char database_url[DATABASE_URL_BYTES]; /* may hold a password */
	struct secret audit_key;
	char workspace[20];
	uint32_t log_rows_max, log_days, ssh_session_ttl_secs, session_wait_ms;
	enum failure_mode { FAIL_CLOSED, RETAIN_LAST_VALID } policy_validation_failure_mode;
};

extern const struct setting state_settings[];

/* conninfo.c: parameters of the database for PQconnectStartParams: NULL-terminated, freed by conninfo_free. */
struct conninfo {
	const char **keys, **values;
};

/*
 * Take database_url apart, before the jail: what libpq could not do inside it is done here. A host name becomes an
 * address too (hostaddr), as the jail has no resolver; certificates and keys are copied to run_dir/state.
 *
 * errors  ERR_INVALID not a conninfo string or URI; ERR_NOT_FOUND a host has no address, a file is not there;
 *         ERR_SYSTEM a file cannot be copied
 */
enum err conninfo_read(
    struct conninfo *out, const char *database_url, const struct service_config *service, struct why *why) must_check;
void conninfo_free(struct conninfo *conninfo);

#endif
