/* The settings of driver-local. */
#ifndef DRIVER_LOCAL_CONFIG_H
#define DRIVER_LOCAL_CONFIG_H

#include "common/service/service.h"

#define UIDS_PER_SANDBOX 65536

struct config {
	struct service_config service;
	char data_dir[512];		 /* absolute */
	char bundle[SERVICE_PATH_BYTES]; /* absolute */
	char relay_dir[SERVICE_PATH_BYTES];
	char spiffe_workload_socket[SERVICE_PATH_BYTES]; /* absolute; empty: none */
	bool binaries_free;
	char upstream_proxy[301], upstream_direct[2001], upstream_login_file[SERVICE_PATH_BYTES]; /* empty: none */
	bool upstream_by_name;
	char relay[ENDPOINT_BYTES];
	uint8_t relay_key[32];
	struct secret box_secret;
	uint32_t sandbox_uid_base;
	uint32_t sandboxes_max, pids_max;
	uint32_t cpu_milli;
	uint64_t memory_bytes;
	uint32_t stop_ms;
	struct setting_texts never;
};

extern const struct setting config_rows[];

#endif
