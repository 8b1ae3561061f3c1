/* Services: the table of the gateway's daemons and the YAML that each is handed. */
#include "services/gateway/services.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/clean.h"
#include "common/service/settings.h"
#include "services/gateway/file.h"

#define NAME_BYTES 64 /* of a process on the bus, as it is there */

const struct service services[SERVICES_N] = {
    {"state", 1, "state", false},
    {"credentials", 2, NULL, false},
    {"relay", 3, "relay", false},
    {"driver-local", 0, NULL, false},
    {"api", 5, NULL, true},
};

uid_t
service_uid(const struct service *service, const struct config *config)
{
	return geteuid() != 0 || service->uid_offset == 0 ? 0 : config->service_uid_base + service->uid_offset;
}

enum err
services_directories(const struct config *config, struct why *why)
{
	enum err r = dir_make(data_path(config, "run"), 0711, why);
	uid_t relay = 0;
	char name[64];

	for (size_t i = 0; i < SERVICES_N && r == OK; i++) {
		uid_t uid = service_uid(&services[i], config);

		if (strcmp(services[i].name, "relay") == 0)
			relay = uid;
		if (services[i].directory == NULL)
			continue;
		snprintf(name, sizeof(name), "run/%s", services[i].directory);
		r = dir_make_for(data_path(config, name), 0711, uid, uid, why);
	}
	/* All that a sandbox is shown of it: the relay's other socket is the gateway's own. */
	if (r == OK)
		r = dir_make_for(data_path(config, "run/sandboxes"), 0711, relay, relay, why);
	if (r == OK)
		r = dir_make(data_path(config, "sandboxes"), 0711, why);
	return r;
}

/* A quoted YAML text: what needs it becomes \xNN, which YAML reads back. */
static void
add_text(struct text *out, const char *key, const char *value)
{
	text_add(out, "%s: \"", key);
	text_add_escaped(out, span_of_text(value));
	text_add(out, "\"\n");
}

static void
add_key(struct text *out, const char *key, const uint8_t bytes[32])
{
	char hex[65];

	hex_write(bytes, 32, hex);
	add_text(out, key, hex);
	explicit_bzero(hex, sizeof(hex));
}

/* One line of the roster; directory is what the endpoint is counted from, NULL: that peer dials. */
static void
add_peer(struct text *out, const char *role, const char *name, const struct key_pair *pair, const char *directory,
    const char *socket)
{
	char hex[65];

	hex_write(pair->key, 32, hex);
	text_add(out, "  - {role: %s, name: \"%s\", key: \"%s\"", role, name, hex);
	if (directory != NULL) {
		text_add(out, ", endpoint: \"ipc://");
		text_add_escaped(out, span_of_text(directory));
		text_add(out, "%s\"", socket);
	}
	text_add(out, "}\n");
}

static const struct key_pair *
own_pair(const struct service *service, const struct keys *keys)
{
	const struct key_pair *const pairs[SERVICES_N] = {
	    &keys->state, &keys->credentials, &keys->relay, &keys->driver, &keys->api};

	return pairs[service - services];
}

/*
 * A process's name, which no other gateway's on the same database has: sandboxes' rows name the driver that runs them, and the
 * state that has their session.
 */
static void
name_of(const struct config *config, const char *process, char to[NAME_BYTES])
{
	snprintf(to, NAME_BYTES, "%s%s%s", process, config->node[0] == '\0' ? "" : "@", config->node);
}

static void
state_yaml(const struct service_source *source, struct text *out)
{
	const struct keys *keys = source->keys;
	char driver[NAME_BYTES];

	name_of(source->config, "driver-local", driver);
	add_peer(out, "api", "api", &keys->api, NULL, NULL);
	add_peer(out, "relay", "relay", &keys->relay, NULL, NULL);
	add_peer(out, "credentials", "credentials", &keys->credentials, NULL, NULL);
	add_peer(out, "driver", driver, &keys->driver, NULL, NULL);
	text_add(out, "listen: \"ipc:///state/bus\"\n");
	add_text(out, "database_url", source->database_url);
	add_key(out, "audit_key", keys->audit.bytes);
	text_add(out, "log_rows_max: %u\nlog_days: %u\n", source->config->log_rows_max, source->config->log_days);
	text_add(out, "ssh_session_ttl_secs: %u\n", source->config->ssh_session_ttl_secs);
	text_add(out, "policy_validation_failure_mode: %s\n",
	    config_failure_modes[source->config->policy_validation_failure_mode]);
}

static void
credentials_yaml(const struct service_source *source, struct text *out)
{
	const struct config *config = source->config;
	const struct {
		const char *key, *value;
	} told[] = {{"store_address", config->secret_store_address},
	    {"store_token_file", config->secret_store_token_file}, {"store_mount", config->secret_store_mount},
	    {"store_auth", config->secret_store_auth}, {"store_auth_mount", config->secret_store_auth_mount},
	    {"store_role", config->secret_store_role}, {"store_namespace", config->secret_store_namespace},
	    {"ca_file", config->authorities_file}};
	char path[PATH_BYTES];

	add_peer(out, "state", "state", &source->keys->state, "", "/state/bus");
	add_text(out, "master_key_file", keys_master_path(source->config, path));
	add_text(out, "master_key_next_file", keys_next_path(source->config, path));
	add_text(out, "ring_file", keys_ring_path(source->config, path));
	add_text(out, "ledger_file", data_path(source->config, "keys/refreshed"));
	add_text(out, "progress_file", data_path(source->config, "keys/rotation"));
	add_key(out, "driver_key", source->keys->driver_box.key);
	snprintf(path, sizeof(path), "%s/credentials-fetch", source->config->libexec_dir);
	add_text(out, "fetch_program", path);
	add_text(out, "upstream_proxy", config->https_proxy);
	add_text(out, "upstream_direct", config->no_proxy);
	add_text(out, "upstream_login_file", config->proxy_auth_file);
	text_add(out, "upstream_by_name: %s\n", config->proxy_connect_by_hostname ? "true" : "false");
	text_add(out, "store: %s\n", config_secret_stores[source->config->secret_store]);
	for (size_t i = 0; i < COUNT(told); i++)
		if (told[i].value[0] != '\0')
			add_text(out, told[i].key, told[i].value);
}

static void
add_list_item(struct text *out, const char *value)
{
	text_add(out, "  - \"");
	text_add_escaped(out, span_of_text(value));
	text_add(out, "\"\n");
}

static void
relay_yaml(const struct service_source *source, struct text *out)
{
	add_peer(out, "state", "state", &source->keys->state, "", "/state/bus");
	add_peer(out, "api", "api", &source->keys->api, NULL, NULL);
	text_add(out, "bus_endpoint: \"ipc:///relay/bus\"\nsandbox_endpoints:\n");
	add_list_item(out, "ipc:///sandboxes/relay");
	if (source->config->relay_endpoint[0] != '\0')
		add_list_item(out, source->config->relay_endpoint);
}

static void
driver_yaml(const struct service_source *source, struct text *out)
{
	const struct config *config = source->config;

	add_peer(out, "state", "state", &source->keys->state, data_path(config, "run"), "/state/bus");
	add_text(out, "data_dir", data_path(config, "sandboxes"));
	add_text(out, "bundle", config->bundle);
	add_text(out, "relay_dir", data_path(config, "run/sandboxes"));
	add_text(out, "spiffe_workload_socket", config->spiffe_workload_socket);
	text_add(out, "binaries_free: %s\n", config->network_binary_identity == 0 ? "false" : "true");
	add_text(out, "upstream_proxy", config->https_proxy);
	add_text(out, "upstream_direct", config->no_proxy);
	add_text(out, "upstream_login_file", config->proxy_auth_file);
	text_add(out, "upstream_by_name: %s\n", config->proxy_connect_by_hostname ? "true" : "false");
	/* link has that directory for its root */
	add_text(out, "relay", config->relay_endpoint_only != 0 ? config->relay_endpoint : "ipc:///relay");
	add_key(out, "relay_key", source->keys->relay.key);
	add_key(out, "box_secret", source->keys->driver_box.secret.bytes);
	text_add(out, "sandbox_uid_base: %u\nsandboxes_max: %u\n", config->sandbox_uid_base, config->sandboxes_max);
	text_add(out, "pids_max: %u\ncpu_milli: %u\nmemory_bytes: %llu\nnever:\n", config->sandbox_pids_max,
	    config->sandbox_cpu_milli, (unsigned long long)config->sandbox_memory_bytes);
	add_list_item(out, config->data_dir);
	add_list_item(out, config->tls_dir);
	add_list_item(out, config->client_dir);
}

static void
api_yaml(const struct service_source *source, struct text *out)
{
	const struct config *config = source->config;
	char path[PATH_BYTES];
	bool own = config->tls_cert[0] != '\0';
	const struct {
		const char *key, *given, *made;
	} files[] = {{"tls_cert", config->tls_cert, "server/tls.crt"}, {"tls_key", config->tls_key, "server/tls.key"},
	    {"tls_client_ca", config->tls_client_ca, "ca.crt"}};

	add_peer(out, "state", "state", &source->keys->state, "", "/state/bus");
	add_peer(out, "relay", "relay", &source->keys->relay, "", "/relay/bus");
	text_add(out, "listen_fd: 4\n");
	add_text(out, "gateway_name", config->gateway_name);
	add_key(out, "credentials_key", source->keys->credentials_box);
	text_add(out, "tls: %s\nallow_unauthenticated: %s\n", config->disable_tls ? "false" : "true",
	    config->disable_tls ? "true" : "false");
	text_add(out, "enable_loopback_service_http: %s\nserver_sans:%s\n",
	    config->enable_loopback_service_http ? "true" : "false", config->server_sans.count == 0 ? " []" : "");
	for (size_t i = 0; i < config->server_sans.count; i++)
		add_list_item(out, config->server_sans.at[i]);
	for (size_t i = 0; i < COUNT(files) && !config->disable_tls; i++) {
		snprintf(path, sizeof(path), "%s/%s", config->tls_dir, files[i].made);
		add_text(out, files[i].key, own ? files[i].given : path);
	}
}

static void (*const own_yaml[SERVICES_N])(const struct service_source *source, struct text *out) = {
    state_yaml, credentials_yaml, relay_yaml, driver_yaml, api_yaml};

enum err
service_yaml(const struct service *service, const struct service_source *source, struct text *out, struct why *why)
{
	const struct config *config = source->config;
	unsigned uid = service_uid(service, config);
	char name[NAME_BYTES];

	name_of(config, service->name, name);
	add_text(out, "process", name);
	add_text(out, "run_dir", data_path(config, "run"));
	text_add(
	    out, "uid: %u\ngid: %u\nlog_level: %s\nready_fd: 5\n", uid, uid, setting_log_levels[config->log_level]);
	add_key(out, "bus_secret", own_pair(service, source->keys)->secret.bytes);
	text_add(out, "roster:\n");
	own_yaml[service - services](source, out);
	if (out->cut)
		return fail(why, ERR_LIMIT, "the settings of %s do not fit", service->name);
	return OK;
}
