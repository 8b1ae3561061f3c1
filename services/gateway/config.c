/* Configuration: one table of settings, four places that fill it, and the checks across settings. */
#include "services/gateway/config.h"

#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/clean.h"
#include "common/base/text.h"
#include "common/policy/forward_proxy.h"

#define RUN_DIR_MAX 80 /* a Unix socket's path has at most 107 bytes, and run/sandboxes/relay follows */

#define ROW_OF(field, kind, low, high, initial, words, flag, environment, help)                                        \
	{                                                                                                              \
#field, kind, SETTING_FIELD(config, field), low, high, initial, help, words, NULL, flag, environment   \
	}
#define ROW(field, kind, low, high, initial, flag, environment, help)                                                  \
	ROW_OF(field, kind, low, high, initial, NULL, flag, environment, help)
#define WORD_ROW(field, words, initial, flag, environment, help)                                                       \
	ROW_OF(field, SETTING_WORD, 0, 0, initial, words, flag, environment, help)

const char *const config_secret_stores[] = {"postgres", "vault", "kubernetes", NULL};
const char *const config_identities[] = {"required", "relaxed", NULL};
const char *const config_failure_modes[] = {"fail_closed", "retain_last_valid", NULL};

const struct setting config_settings[] = {
    ROW(bind_address, SETTING_TEXT, 2, 63, "127.0.0.1", "bind-address", "OPENSHELL_BIND_ADDRESS",
	"Numeric address that clients connect to. Anything but loopback needs TLS."),
    ROW(port, SETTING_NUMBER, 1, 65535, "17670", "port", "OPENSHELL_SERVER_PORT", "TCP port of the public API."),
    ROW(disable_tls, SETTING_FLAG, 0, 1, "false", "disable-tls", "OPENSHELL_DISABLE_TLS",
	"Serve plaintext without authentication; on a loopback address only."),
    ROW(data_dir, SETTING_TEXT, 0, 511, "", "data-dir", "OPENSHELL_DATA_DIR",
	"All that must last: database, keys, workspaces. Default: /var/lib/openshell as root, else "
	"$XDG_STATE_HOME/openshell/gateway."),
    ROW(database_url, SETTING_TEXT, 0, 1023, "", "database-url", "OPENSHELL_DB_URL",
	"A PostgreSQL server of your own, as libpq takes it (postgresql://user:password@10.0.0.5/db). Default: a "
	"private "
	"one in the data directory."),
    ROW(node, SETTING_TEXT, 0, 32, "", "node", "OPENSHELL_NODE",
	"Where several gateways share one database: this one's name among them (small letters, digits, \"-\"). It stays as it is "
	"for as long as the gateway has sandboxes."),
    ROW(master_key_file, SETTING_TEXT, 0, 511, "", "master-key-file", "OPENSHELL_MASTER_KEY_FILE",
	"The master key of stored secrets: 32 random bytes, closed to other users. Default: made at the first start, "
	"keys/credentials.master in the data directory."),
    ROW(master_key_next_file, SETTING_TEXT, 0, 511, "", "master-key-next-file", "OPENSHELL_MASTER_KEY_NEXT_FILE",
	"With master_key_file: the master key that rotate-key puts in its place. Whichever of the two opens the storage keys "
	"counts."),
    WORD_ROW(secret_store, config_secret_stores, "postgres", "secret-store", "OPENSHELL_SECRET_STORE",
	"Where the values of stored secrets are kept: sealed in the database, in HashiCorp Vault (KV version 2), or in "
	"Kubernetes Secrets."),
    ROW(secret_store_address, SETTING_TEXT, 0, 511, "", "secret-store-address", NULL,
	"Of Vault, or of the Kubernetes API: https://HOST[:PORT]; http:// on this machine alone."),
    ROW(secret_store_token_file, SETTING_TEXT, 0, 511, "", "secret-store-token-file", NULL,
	"File of Vault's token, or of a service account's; read for each call, by the user that credentials runs as."),
    ROW(secret_store_mount, SETTING_TEXT, 1, 127, "secret", "secret-store-mount", NULL,
	"Vault: where its KV engine of version 2 is mounted."),
    ROW(secret_store_auth, SETTING_TEXT, 1, 31, "token_file", "secret-store-auth", NULL,
	"Vault: token_file (the file holds a token of Vault's) or kubernetes (it holds a service account's, with which "
	"credentials logs in)."),
    ROW(secret_store_auth_mount, SETTING_TEXT, 1, 127, "kubernetes", "secret-store-auth-mount", NULL,
	"Vault: where its method kubernetes is mounted."),
    ROW(secret_store_role, SETTING_TEXT, 0, 127, "", "secret-store-role", NULL, "Vault: the role to log in as."),
    ROW(secret_store_namespace, SETTING_TEXT, 0, 63, "", "secret-store-namespace", NULL,
	"Kubernetes: the namespace of the Secrets."),
    ROW(authorities_file, SETTING_TEXT, 0, 511, "", "authorities-file", NULL,
	"Further authorities (PEM) that token servers and secret stores are verified against, beside the system's."),
    ROW(drivers, SETTING_TEXTS, 1, 4, "local", "drivers", "OPENSHELL_DRIVERS",
	"Which drivers run sandboxes. This release has: local."),
    WORD_ROW(log_level, setting_log_levels, "info", "log-level", "OPENSHELL_LOG_LEVEL",
	"Least severe events that are logged."),
    ROW(server_sans, SETTING_TEXTS, 0, 16, "", "server-san", "OPENSHELL_SERVER_SAN",
	"Further names and addresses in the server certificate; it is made anew when this changes."),
    ROW(enable_loopback_service_http, SETTING_FLAG, 0, 1, "true", "enable-loopback-service-http",
	"OPENSHELL_ENABLE_LOOPBACK_SERVICE_HTTP",
	"With TLS on a loopback address: services may also be reached by plaintext HTTP on that port, from this machine."),
    ROW(tls_dir, SETTING_TEXT, 0, 511, "", "tls-dir", "OPENSHELL_LOCAL_TLS_DIR",
	"Where the certificates made at first start are. Default: $XDG_STATE_HOME/openshell/tls, and where data_dir is "
	"given, tls in it."),
    ROW(tls_cert, SETTING_TEXT, 0, 511, "", "tls-cert", "OPENSHELL_TLS_CERT",
	"A server certificate chain of your own (PEM); tls_key and tls_client_ca go with it."),
    ROW(tls_key, SETTING_TEXT, 0, 511, "", "tls-key", "OPENSHELL_TLS_KEY", "Its private key (PEM)."),
    ROW(tls_client_ca, SETTING_TEXT, 0, 511, "", "tls-client-ca", "OPENSHELL_TLS_CLIENT_CA",
	"The authority whose client certificates are let in (PEM)."),
    ROW(gateway_name, SETTING_TEXT, 1, 63, "openshell", "gateway-name", "OPENSHELL_GATEWAY_NAME",
	"Name under which this machine's clients find the gateway."),
    ROW(client_dir, SETTING_TEXT, 0, 511, "", "client-dir", "OPENSHELL_CLIENT_DIR",
	"Where the client's files are put: gateways/NAME and active_gateway. Default: $XDG_CONFIG_HOME/openshell."),
    ROW(libexec_dir, SETTING_TEXT, 0, 511, "", "libexec-dir", "OPENSHELL_LIBEXEC_DIR",
	"Where the programs of the services are. Default: ../libexec/openshell beside openshell-gateway's directory."),
    ROW(bundle, SETTING_TEXT, 0, 511, "", "bundle", "OPENSHELL_BUNDLE",
	"The sandbox programs, mounted at /opt/openshell in every sandbox. Default: bundle in libexec_dir."),
    ROW(service_uid_base, SETTING_NUMBER, 1000, 2000000000, "64200", "service-uid-base", NULL,
	"As root: the services run as the five user numbers after this one, which nothing else should use."),
    ROW(sandbox_uid_base, SETTING_NUMBER, 65536, 2000000000, "2000000000", "sandbox-uid-base", NULL,
	"As root: each sandbox has 65536 user numbers of its own, counted from here."),
    ROW(sandboxes_max, SETTING_NUMBER, 1, 10000, "1000", "sandboxes-max", "OPENSHELL_SANDBOXES_MAX",
	"Most sandboxes on this machine."),
    ROW(sandbox_pids_max, SETTING_NUMBER, 16, 4194304, "2048", "sandbox-pids-max", NULL,
	"Most processes and threads of one sandbox, where control groups can be made."),
    ROW(sandbox_cpu_milli, SETTING_NUMBER, 0, 1024000, "0", "sandbox-cpu-milli", NULL,
	"Thousandths of a processor for a sandbox that asks for none itself (--cpu); 0: no limit."),
    ROW(sandbox_memory_bytes, SETTING_NUMBER, 0, INT64_MAX, "0", "sandbox-memory-bytes", NULL,
	"Bytes of memory for a sandbox that asks for none itself (--memory); 0: no limit."),
    ROW(spiffe_workload_socket, SETTING_TEXT, 0, 511, "", "spiffe-workload-socket", "OPENSHELL_SPIFFE_WORKLOAD_SOCKET",
	"Socket of a SPIFFE Workload API, for profiles with a token_grant. Its directory is shown to the one process of a sandbox "
	"that fetches tokens: nothing else should be in it. Default: none."),
    WORD_ROW(network_binary_identity, config_identities, "required", "network-binary-identity",
	"OPENSHELL_NETWORK_BINARY_IDENTITY",
	"Whether a policy's programs count: with relaxed, every program may go where the policy lets any go; each sandbox says so "
	"in its status."),
    ROW(https_proxy, SETTING_TEXT, 1, 299, "", "https-proxy", NULL,
	"Proxy that sandboxes' TLS goes out by, as http://HOST:PORT: asked with CONNECT, for addresses that were judged first. Default: "
	"none."),
    ROW(no_proxy, SETTING_TEXT, 1, 2000, "", "no-proxy", NULL,
	"With https_proxy: whom it is not asked for, parted by commas: *, domains, addresses, ADDRESS/BITS, each with :PORT or "
	"without."),
    ROW(proxy_auth_file, SETTING_TEXT, 1, 511, "", "proxy-auth-file", NULL,
	"With https_proxy: file of its login, one line USER:PASSWORD; read at each start of a sandbox."),
    ROW(proxy_auth_allow_insecure, SETTING_FLAG, 0, 1, "false", "proxy-auth-allow-insecure", NULL,
	"Must be true with proxy_auth_file: the login goes to the proxy in clear."),
    ROW(proxy_connect_by_hostname, SETTING_FLAG, 0, 1, "false", "proxy-connect-by-hostname", NULL,
	"With https_proxy: ask it for names. It then looks them up itself, and may come to other addresses than were judged."),
    ROW(log_rows_max, SETTING_NUMBER, 100, 100000, "2000", "log-rows-max", NULL,
	"Log lines that are kept for each sandbox."),
    ROW(log_days, SETTING_NUMBER, 1, 3650, "7", "log-days", NULL, "Days that log lines of sandboxes are kept."),
    ROW(ssh_session_ttl_secs, SETTING_NUMBER, 0, 31536000, "86400", "ssh-session-ttl-secs", NULL,
	"Seconds that the token of an SSH session is good for: connections that it opened stay; 0: always."),
    WORD_ROW(policy_validation_failure_mode, config_failure_modes, "retain_last_valid",
	"policy-validation-failure-mode", NULL,
	"What holds in a sandbox that cannot load a new policy: the last valid one, or nothing is allowed until one is loaded."),
    ROW(relay_endpoint, SETTING_TEXT, 0, 127, "", "relay-endpoint", "OPENSHELL_RELAY_ENDPOINT",
	"Where sandboxes may dial the relay besides its local socket, as tcp://0.0.0.0:17671. Default: nowhere."),
    ROW(relay_endpoint_only, SETTING_FLAG, 0, 1, "false", "relay-endpoint-only", NULL,
	"The sandboxes of this machine dial relay_endpoint too: as those of another one would."),
    ROW(postgres_dir, SETTING_TEXT, 0, 511, "", "postgres-dir", "OPENSHELL_POSTGRES_DIR",
	"Where initdb and postgres are. Default: the newest under /usr/lib/postgresql, then PATH."),
    ROW(postgres_user, SETTING_TEXT, 1, 32, "postgres", "postgres-user", NULL,
	"As root: the user that the private PostgreSQL runs as."),
    {0},
};

char *
data_path_into(const struct config *config, const char *name, char to[PATH_BYTES])
{
	struct text text = {to, 0, PATH_BYTES, false};

	text_add(&text, "%s/%s", config->data_dir, name);
	return to;
}

bool
config_loopback(const char *address)
{
	struct in6_addr six;
	struct in_addr four;

	if (inet_pton(AF_INET, address, &four) == 1)
		return ntohl(four.s_addr) >> 24 == 127;
	return inet_pton(AF_INET6, address, &six) == 1 && IN6_IS_ADDR_LOOPBACK(&six);
}

static bool
address_valid(const char *address)
{
	char bytes[16];

	return inet_pton(AF_INET, address, bytes) == 1 || inet_pton(AF_INET6, address, bytes) == 1;
}

/* A client on this machine reaches 0.0.0.0 and :: over loopback. */
void
config_endpoint(const struct config *config, char *to, size_t size)
{
	const char *address = config->bind_address, *scheme = config->disable_tls ? "http" : "https";

	if (strcmp(address, "0.0.0.0") == 0)
		address = "127.0.0.1";
	else if (strcmp(address, "::") == 0)
		address = "::1";
	snprintf(to, size, strchr(address, ':') != NULL ? "%s://[%s]:%u" : "%s://%s:%u", scheme, address, config->port);
}

/* $VARIABLE/tail, or $HOME/otherwise/tail where it is not set. */
static enum err
xdg_path(const char *variable, const char *otherwise, const char *tail, char *to, size_t size, struct why *why)
{
	const char *base = getenv(variable), *home = getenv("HOME");
	int n;

	if (base != NULL && base[0] == '/')
		n = snprintf(to, size, "%s/%s", base, tail);
	else if (home != NULL && home[0] == '/')
		n = snprintf(to, size, "%s/%s/%s", home, otherwise, tail);
	else
		return fail(why, ERR_INVALID, "neither %s nor HOME is set: where should files go?", variable);
	if (n >= (int)size)
		return fail(why, ERR_RANGE, "the path from %s or HOME is too long", variable);
	return OK;
}

/* The programs stand beside us: installed, PREFIX/libexec/openshell; built, two levels up. */
static void
libexec_find(char *to, size_t size)
{
	static const char *const places[] = {"../libexec/openshell", "../../libexec/openshell"};
	char self[CONFIG_PATH_BYTES], *slash, full[PATH_MAX], *resolved = full;
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (n <= 0)
		return;
	self[n] = '\0';
	if ((slash = strrchr(self, '/')) != NULL)
		*slash = '\0';
	for (size_t i = 0; i < COUNT(places); i++) {
		char at[CONFIG_PATH_BYTES + 32];

		snprintf(at, sizeof(at), "%s/%s", self, places[i]);
		if (realpath(at, resolved) != NULL && strlen(resolved) < size) {
			snprintf(to, size, "%s", resolved);
			return;
		}
	}
	snprintf(to, size, "%.480s/../libexec/openshell", self);
}

static enum err
paths_complete(struct config *config, struct why *why)
{
	enum err r = OK;

	if (config->data_dir[0] != '\0' && config->tls_dir[0] == '\0') /* two gateways of a user have two authorities */
		snprintf(config->tls_dir, sizeof(config->tls_dir), "%.500s/tls", config->data_dir);
	if (config->data_dir[0] == '\0' && geteuid() == 0)
		snprintf(config->data_dir, sizeof(config->data_dir), "/var/lib/openshell");
	else if (config->data_dir[0] == '\0')
		r = xdg_path("XDG_STATE_HOME", ".local/state", "openshell/gateway", config->data_dir,
		    sizeof(config->data_dir), why);
	if (r == OK && config->tls_dir[0] == '\0')
		r = xdg_path(
		    "XDG_STATE_HOME", ".local/state", "openshell/tls", config->tls_dir, sizeof(config->tls_dir), why);
	if (r == OK && config->client_dir[0] == '\0')
		r = xdg_path(
		    "XDG_CONFIG_HOME", ".config", "openshell", config->client_dir, sizeof(config->client_dir), why);
	if (config->libexec_dir[0] == '\0')
		libexec_find(config->libexec_dir, sizeof(config->libexec_dir));
	if (config->bundle[0] == '\0')
		snprintf(config->bundle, sizeof(config->bundle), "%.500s/bundle", config->libexec_dir);
	return r;
}

/* A service changes its directory, and so does a daemon: a path that is not absolute would mean another file. */
static enum err
paths_absolute(struct config *config, struct why *why)
{
	struct {
		char *path;
		const char *key;
	} paths[] = {{config->data_dir, "data_dir"}, {config->tls_dir, "tls_dir"}, {config->tls_cert, "tls_cert"},
	    {config->tls_key, "tls_key"}, {config->tls_client_ca, "tls_client_ca"}, {config->client_dir, "client_dir"},
	    {config->libexec_dir, "libexec_dir"}, {config->bundle, "bundle"}, {config->postgres_dir, "postgres_dir"},
	    {config->master_key_file, "master_key_file"}, {config->master_key_next_file, "master_key_next_file"},
	    {config->secret_store_token_file, "secret_store_token_file"},
	    {config->authorities_file, "authorities_file"}, {config->spiffe_workload_socket, "spiffe_workload_socket"},
	    {config->proxy_auth_file, "proxy_auth_file"}};
	char before[CONFIG_PATH_BYTES], here[PATH_MAX];

	for (size_t i = 0; i < COUNT(paths); i++) {
		if (paths[i].path[0] == '\0' || paths[i].path[0] == '/')
			continue;
		memcpy(before, paths[i].path, sizeof(before));
		if (getcwd(here, sizeof(here)) == NULL ||
		    snprintf(paths[i].path, CONFIG_PATH_BYTES, "%s/%s", here, before) >= CONFIG_PATH_BYTES)
			return fail(why, ERR_RANGE, "%s: the path is too long", paths[i].key);
	}
	return OK;
}

static enum err
check_tls(const struct config *config, struct why *why)
{
	int given = (config->tls_cert[0] != '\0') + (config->tls_key[0] != '\0') + (config->tls_client_ca[0] != '\0');

	if (given != 0 && given != 3)
		return fail(
		    why, ERR_INVALID, "tls_cert, tls_key and tls_client_ca go together: give all three or none");
	if (given != 0 && config->disable_tls)
		return fail(why, ERR_INVALID, "disable_tls and tls_cert exclude each other");
	if (config->disable_tls && !config_loopback(config->bind_address))
		return fail(why, ERR_INVALID,
		    "bind_address %s without TLS would let anyone in: keep TLS, or bind to 127.0.0.1",
		    config->bind_address);
	return OK;
}

static enum err
check_store(const struct config *config, struct why *why)
{
	const char *name = config_secret_stores[config->secret_store];

	if (config->secret_store == 0)
		return OK;
	if (config->secret_store_address[0] == '\0' || config->secret_store_token_file[0] == '\0')
		return fail(
		    why, ERR_INVALID, "secret_store %s needs secret_store_address and secret_store_token_file", name);
	if (config->secret_store == 2 && config->secret_store_namespace[0] == '\0')
		return fail(why, ERR_INVALID, "secret_store kubernetes needs secret_store_namespace");
	if (strcmp(config->secret_store_auth, "token_file") != 0 &&
	    strcmp(config->secret_store_auth, "kubernetes") != 0)
		return fail(why, ERR_INVALID, "secret_store_auth is token_file or kubernetes");
	if (strcmp(config->secret_store_auth, "kubernetes") == 0 && config->secret_store_role[0] == '\0')
		return fail(why, ERR_INVALID, "secret_store_auth kubernetes needs secret_store_role");
	return OK;
}

static enum err
check_login(const struct config *config, struct why *why)
{
	struct span login;
	size_t length;
	char *text;
	enum err r;

	if (config->proxy_auth_file[0] == '\0')
		return OK;
	if (!config->proxy_auth_allow_insecure)
		return fail(why, ERR_INVALID,
		    "proxy_auth_file needs proxy_auth_allow_insecure: true, for the login goes to the proxy in clear");
	if ((r = settings_file(config->proxy_auth_file, &text, &length, why)) != OK)
		return because(why, r, "proxy_auth_file");
	r = forward_login_parse(span_of_bytes(text, length), &login, why);
	explicit_bzero(text, length);
	free(text);
	return r == OK ? OK : because(why, r, "proxy_auth_file");
}

/* Never a proxy that is left out because something about it is wrong. */
static enum err
check_proxy(const struct config *config, struct why *why)
{
	struct forward_proxy proxy;
	enum err r;

	if (config->https_proxy[0] == '\0') {
		const char *alone = config->no_proxy[0] != '\0'		 ? "no_proxy"
				    : config->proxy_auth_file[0] != '\0' ? "proxy_auth_file"
				    : config->proxy_auth_allow_insecure	 ? "proxy_auth_allow_insecure"
				    : config->proxy_connect_by_hostname	 ? "proxy_connect_by_hostname"
									 : NULL;

		return alone == NULL ? OK : fail(why, ERR_INVALID, "%s needs https_proxy", alone);
	}
	if ((r = forward_proxy_parse(span_of_text(config->https_proxy), &proxy, why)) != OK)
		return because(why, r, "https_proxy");
	if ((r = forward_exceptions_check(span_of_text(config->no_proxy), why)) != OK)
		return because(why, r, "no_proxy");
	return check_login(config, why);
}

/* It becomes a directory in gateways/ and a word in JSON. */
static enum err
check_name(const char *name, struct why *why)
{
	if (name[0] == '.' || name[0] == '-' ||
	    !span_only(span_of_text(name), "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-"))
		return fail(why, ERR_INVALID, "gateway_name may hold letters, digits, \".\", \"_\" and \"-\" only");
	return OK;
}

/* It is written into rows, and the name of this gateway's driver and state ends in it. */
static enum err
check_node(const char *node, struct why *why)
{
	if (!span_only(span_of_text(node), "abcdefghijklmnopqrstuvwxyz0123456789-"))
		return fail(why, ERR_INVALID, "node may hold small letters, digits and \"-\" only");
	return OK;
}

/* "tcp://ADDRESS:PORT": the relay binds it, so the address is a number. */
static enum err
check_relay(const struct config *config, struct why *why)
{
	struct span host = span_of_text(config->relay_endpoint), port;
	char address[64];
	uint64_t number;
	size_t colon;
	enum err r;

	if (host.length == 0 && config->relay_endpoint_only != 0)
		return fail(why, ERR_INVALID, "relay_endpoint_only: there is no relay_endpoint");
	if (host.length == 0)
		return OK;
	if (host.length <= 6 || memcmp(host.at, "tcp://", 6) != 0)
		return fail(why, ERR_INVALID, "relay_endpoint \"%s\" is not tcp://ADDRESS:PORT, as tcp://0.0.0.0:17671",
		    log_quote(host));
	host = span_tail(host, 6);
	if (!span_find(host, ':', &colon) || !span_copy(span_head(host, colon), address, sizeof(address)) ||
	    inet_pton(AF_INET, address, &(struct in_addr){0}) != 1)
		return fail(why, ERR_INVALID,
		    "relay_endpoint: no numeric IPv4 address and port behind tcp://, as 0.0.0.0:17671");
	port = span_tail(host, colon + 1);
	if ((r = number_parse(port, 1, UINT16_MAX, &number, why)) != OK)
		return because(why, r, "relay_endpoint: port");
	return OK;
}

enum err
config_check(struct config *config, struct why *why)
{
	enum err r;

	if (!address_valid(config->bind_address))
		return fail(why, ERR_INVALID, "bind_address \"%s\" is not a numeric address such as 127.0.0.1 or ::1",
		    log_quote(span_of_text(config->bind_address)));
	for (size_t i = 0; i < config->drivers.count; i++)
		if (strcmp(config->drivers.at[i], "local") != 0)
			return fail(why, ERR_INVALID, "drivers: there is no driver \"%s\"; this release has: local",
			    log_quote(span_of_text(config->drivers.at[i])));
	if (config->drivers.count > 1)
		return fail(why, ERR_INVALID, "drivers: \"local\" is there twice");
	if ((r = check_tls(config, why)) != OK || (r = check_relay(config, why)) != OK ||
	    (r = check_name(config->gateway_name, why)) != OK || (r = check_node(config->node, why)) != OK ||
	    (r = check_store(config, why)) != OK || (r = paths_complete(config, why)) != OK ||
	    (r = paths_absolute(config, why)) != OK || (r = check_proxy(config, why)) != OK)
		return r;
	if (strlen(config->data_dir) + strlen("/run") > RUN_DIR_MAX)
		return fail(why, ERR_RANGE, "data_dir has %zu bytes, at most %zu fit before the names of its sockets",
		    strlen(config->data_dir), RUN_DIR_MAX - strlen("/run"));
	return OK;
}

static bool
readable(const char *path)
{
	return access(path, R_OK) == 0 || errno != ENOENT;
}

/* The file to read: named by flag or variable, or one that is in a usual place. "" when there is none. */
static void
file_choose(const struct invocation *invocation, char *to)
{
	const char *named =
	    invocation->config_file != NULL ? invocation->config_file : getenv("OPENSHELL_GATEWAY_CONFIG");
	struct why why;

	to[0] = '\0';
	if (named != NULL && named[0] != '\0') {
		snprintf(to, CONFIG_PATH_BYTES, "%s", named);
		return;
	}
	if (xdg_path("XDG_CONFIG_HOME", ".config", "openshell/gateway.yaml", to, CONFIG_PATH_BYTES, &why) == OK &&
	    readable(to))
		return;
	snprintf(to, CONFIG_PATH_BYTES, "/etc/openshell/gateway.yaml");
	if (geteuid() != 0 || !readable(to))
		to[0] = '\0';
}

static enum err
file_apply(struct config *config, const char *path, struct why *why)
{
	const struct settings table = {config_settings, config};
	char *text = NULL;
	size_t length;
	enum err r;

	if (path[0] == '\0')
		return OK;
	if ((r = settings_file(path, &text, &length, why)) != OK)
		return r;
	r = settings_read(path, span_of_bytes(text, length), &table, 1, why);
	explicit_bzero(text, length); /* a database password may be in it */
	free(text);
	return r;
}

static enum err
environment_apply(struct config *config, struct why *why)
{
	enum err r;

	for (const struct setting *row = config_settings; row->key != NULL; row++) {
		const char *value = row->environment == NULL ? NULL : getenv(row->environment);

		if (value == NULL || value[0] == '\0')
			continue;
		if (row->kind == SETTING_FLAG && strcmp(value, "1") == 0)
			value = "true";
		if (row->kind == SETTING_FLAG && strcmp(value, "0") == 0)
			value = "false";
		if ((r = setting_set(row, config, span_of_text(value), why)) != OK)
			return because(why, r, "environment variable %s", row->environment);
	}
	return OK;
}

/* Words of the command line that are no settings. */
static const struct {
	const char *flag;
	bool value;
	size_t offset;
} switches[] = {
    {"--config", true, offsetof(struct invocation, config_file)},
    {"--foreground", false, offsetof(struct invocation, foreground)},
    {"--sandboxes", false, offsetof(struct invocation, sandboxes)},
    {"--yes", false, offsetof(struct invocation, yes)},
    {"--settings-doc", false, offsetof(struct invocation, settings_doc)},
};

static const struct setting *
row_of_flag(const char *word, size_t length)
{
	for (const struct setting *row = config_settings; row->key != NULL; row++)
		if (row->flag != NULL && strlen(row->flag) == length && strncmp(row->flag, word, length) == 0)
			return row;
	return NULL;
}

struct words {
	int argc, at;
	char **argv;
};

/* The value of a flag: behind "=" or the next word. */
static enum err
word_value(struct words *words, const char *flag, const char **value, struct why *why)
{
	const char *equals = strchr(flag, '=');

	if (equals != NULL)
		*value = equals + 1;
	else if (words->at + 1 < words->argc)
		*value = words->argv[++words->at];
	else
		return fail(why, ERR_INVALID, "%s needs a value", flag);
	return OK;
}

static enum err
output_read(struct words *words, struct invocation *invocation, struct why *why)
{
	const char *flag = words->argv[words->at], *value;
	enum err r;

	if ((r = word_value(words, flag, &value, why)) != OK)
		return r;
	if (strcmp(value, "json") != 0 && strcmp(value, "table") != 0)
		return fail(why, ERR_INVALID, "%s %s: json or table is wanted", flag, value);
	invocation->json = strcmp(value, "json") == 0;
	return OK;
}

static enum err
switch_read(struct words *words, struct invocation *invocation, bool *known, struct why *why)
{
	const char *word = words->argv[words->at], *value;
	enum err r = OK;

	*known = true;
	if (strcmp(word, "-o") == 0 || strcmp(word, "--output") == 0 || strncmp(word, "--output=", 9) == 0)
		return output_read(words, invocation, why);
	if (strcmp(word, "--progress-fd") == 0) {
		if ((r = word_value(words, word, &value, why)) != OK)
			return r;
		return number_parse(span_of_text(value), 3, 1023, &invocation->progress_fd, why);
	}
	for (size_t i = 0; i < COUNT(switches); i++) {
		char *field = (char *)invocation + switches[i].offset;
		size_t length = strlen(switches[i].flag);

		if (strncmp(word, switches[i].flag, length) != 0 ||
		    (word[length] != '\0' && (word[length] != '=' || !switches[i].value)))
			continue;
		if (!switches[i].value)
			*(bool *)field = true;
		else
			r = word_value(words, word, (const char **)(void *)field, why);
		return r;
	}
	*known = false;
	return OK;
}

static enum err
flag_read(struct words *words, struct config *config, struct why *why)
{
	const char *word = words->argv[words->at], *value = "true";
	size_t length = strcspn(word + 2, "=");
	const struct setting *row = row_of_flag(word + 2, length);
	enum err r;

	if (row == NULL)
		return fail(why, ERR_INVALID, "there is no flag %s; openshell-gateway --help shows all",
		    log_quote(span_head(span_of_text(word), 60)));
	if ((row->kind != SETTING_FLAG || word[2 + length] == '=') && (r = word_value(words, word, &value, why)) != OK)
		return r;
	if ((r = setting_set(row, config, span_of_text(value), why)) != OK)
		return because(why, r, "--%s", row->flag);
	return OK;
}

/* Once for the switches, before the file is known; again for the settings, which go above it. */
static enum err
words_read(struct config *config, struct invocation *invocation, int argc, char **argv, struct why *why)
{
	struct words words = {argc, 0, argv};
	bool known;
	enum err r;

	for (; words.at < argc; words.at++) {
		if ((r = switch_read(&words, invocation, &known, why)) != OK)
			return r;
		if (known)
			continue;
		if (argv[words.at][0] == '-' && argv[words.at][1] == '-') {
			if ((r = flag_read(&words, config, why)) != OK)
				return r;
		} else if (invocation->file == NULL || invocation->file == argv[words.at]) {
			invocation->file = argv[words.at];
		} else {
			return fail(
			    why, ERR_INVALID, "unexpected word \"%s\"", log_quote(span_of_text(argv[words.at])));
		}
	}
	return OK;
}

enum err
config_load(struct config *config, struct invocation *invocation, char *from, int argc, char **argv, struct why *why)
{
	const struct settings table = {config_settings, config};
	struct config *dry = calloc(1, sizeof(*dry));
	enum err r;

	if (dry == NULL)
		abort();
	*invocation = (struct invocation){0};
	settings_initial(&table, 1);
	r = words_read(dry, invocation, argc, argv, why);
	free(dry);
	if (r != OK)
		return r;
	if (invocation->config_file == NULL)
		invocation->config_file = invocation->file; /* check-config FILE */
	file_choose(invocation, from);
	if ((r = file_apply(config, from, why)) != OK || (r = environment_apply(config, why)) != OK ||
	    (r = words_read(config, invocation, argc, argv, why)) != OK)
		return r;
	return config_check(config, why);
}

void
config_doc(FILE *to)
{
	char allowed[128];

	fprintf(to, "| setting | allowed | default | flag | variable | what it is |\n|---|---|---|---|---|---|\n");
	for (const struct setting *row = config_settings; row->key != NULL; row++) {
		const char *initial = row->initial[0] == '\0' ? "" : row->initial;

		fprintf(to, "| `%s` | %s | %s%s%s | ", row->key, setting_allowed(row, allowed, sizeof(allowed)),
		    initial[0] == '\0' ? "" : "`", initial, initial[0] == '\0' ? "" : "`");
		fprintf(to, "`--%s` | ", row->flag);
		fprintf(to, row->environment == NULL ? "%s | " : "`%s` | ",
		    row->environment == NULL ? "" : row->environment);
		fprintf(to, "%s |\n", row->help);
	}
}
