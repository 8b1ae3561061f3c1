/* Configuration: every setting of the gateway, from flags, environment, file and defaults, and the paths it implies. */
#ifndef GATEWAY_CONFIG_H
#define GATEWAY_CONFIG_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "common/base/err.h"
#include "common/base/log.h"
#include "common/service/settings.h"

#define CONFIG_PATH_BYTES 512
#define PATH_BYTES	  768 /* of a path made from one of those */

struct config {
	char data_dir[CONFIG_PATH_BYTES];
	char bind_address[64];
	uint16_t port;
	bool disable_tls;
	char tls_dir[CONFIG_PATH_BYTES];
	char tls_cert[CONFIG_PATH_BYTES], tls_key[CONFIG_PATH_BYTES], tls_client_ca[CONFIG_PATH_BYTES];
	struct setting_texts server_sans;
	bool enable_loopback_service_http;
	char client_dir[CONFIG_PATH_BYTES];
	char gateway_name[64];
	char database_url[1024];
	char node[33]; /* "": the only gateway on its database */
	char postgres_dir[CONFIG_PATH_BYTES];
	char postgres_user[33];
	unsigned secret_store; /* place among config_secret_stores */
	char secret_store_address[CONFIG_PATH_BYTES], secret_store_mount[128], secret_store_namespace[64],
	    secret_store_auth[32], secret_store_auth_mount[128], secret_store_role[128],
	    secret_store_token_file[CONFIG_PATH_BYTES], authorities_file[CONFIG_PATH_BYTES];
	char master_key_file[CONFIG_PATH_BYTES];      /* "": made at the first start, in DATA/keys */
	char master_key_next_file[CONFIG_PATH_BYTES]; /* "": none */
	struct setting_texts drivers;
	enum log_level log_level;
	char libexec_dir[CONFIG_PATH_BYTES];
	char bundle[CONFIG_PATH_BYTES];
	uint32_t service_uid_base;
	uint32_t sandbox_uid_base;
	uint32_t sandboxes_max;
	uint32_t sandbox_pids_max, sandbox_cpu_milli; /* of each; cpu and memory 0: no limit */
	uint64_t sandbox_memory_bytes;
	char spiffe_workload_socket[CONFIG_PATH_BYTES]; /* absolute; "": none */
	unsigned network_binary_identity;		/* place among config_identities */
	char https_proxy[300], no_proxy[2001];		/* "": none */
	char proxy_auth_file[CONFIG_PATH_BYTES];	/* "": none */
	bool proxy_auth_allow_insecure, proxy_connect_by_hostname;
	uint32_t log_rows_max, log_days, ssh_session_ttl_secs;
	unsigned policy_validation_failure_mode; /* place among config_failure_modes */
	char relay_endpoint[128];		 /* "": sandboxes of this machine alone */
	bool relay_endpoint_only;		 /* these dial it as well */
};

extern const struct setting config_settings[];
extern const char *const config_identities[], *const config_failure_modes[], *const config_secret_stores[];

/* What a command line says besides settings. */
struct invocation {
	const char *config_file; /* NULL: the usual places */
	bool foreground, sandboxes, json, settings_doc, yes;
	uint64_t progress_fd; /* 0: none */
	const char *file;     /* the one word that check-config takes; NULL: none */
};

/*
 * Read the words behind the command into config and invocation, with what environment and file say beneath them.
 *
 * argv    from the first word behind the command
 * from    CONFIG_PATH_BYTES: gets the file that was read, or "" when there is none
 * errors  ERR_INVALID and others: one sentence with the place: file, line and column; variable; or flag
 */
enum err config_load(struct config *config, struct invocation *invocation, char *from, int argc, char **argv,
    struct why *why) must_check;

/* Do the settings go together? Also completes paths that depend on others. */
enum err config_check(struct config *config, struct why *why) must_check;

bool config_loopback(const char *address);

/* "https://127.0.0.1:17670", as a client on this machine writes it. */
void config_endpoint(const struct config *config, char *to, size_t size);

/* A path below the data directory, built into a buffer of the caller's expression. */
#define data_path(config, name) data_path_into((config), (name), (char[PATH_BYTES]){0})
char *data_path_into(const struct config *config, const char *name, char to[PATH_BYTES]);

/* The table of docs/configuration.md. */
void config_doc(FILE *to);

#endif
