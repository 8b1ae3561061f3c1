/* The table of settings; common/service reads it. */
#include "services/driver-local/config.h"

const struct setting config_rows[] = {
    TEXT_SETTING(config, data_dir, 1, 511, NULL, "where sandboxes have their workspaces, logs and records"),
    TEXT_SETTING(config, bundle, 1, 1023, NULL, "directory of the sandbox programs; becomes /opt/openshell in a box"),
    TEXT_SETTING(
	config, relay_dir, 1, 1023, NULL, "directory of the relay's socket; becomes /run/openshell/relay in a box"),
    TEXT_SETTING(config, spiffe_workload_socket, 0, 1023, "",
	"socket of the SPIFFE Workload API; its directory becomes /run/openshell/spiffe in a box; empty: none"),
    FLAG_SETTING(
	config, binaries_free, "false", "sandboxes are told to let every program go where a policy lets any go"),
    TEXT_SETTING(config, upstream_proxy, 0, 300, "", "http://HOST:PORT of the proxy that TLS goes out by; empty: none"),
    TEXT_SETTING(config, upstream_direct, 0, 2000, "", "whom it is not asked for, parted by commas"),
    TEXT_SETTING(config, upstream_login_file, 0, 1023, "", "file of its login, USER:PASSWORD; empty: none"),
    FLAG_SETTING(config, upstream_by_name, "false", "it is asked for names instead of addresses"),
    TEXT_SETTING(config, relay, 1, 255, "ipc:///run/openshell/relay/sandbox", "the relay's endpoint, seen from a box"),
    KEY_SETTING(config, relay_key, "CURVE public key of the relay"),
    KEY_SETTING(config, box_secret, "X25519 secret key; claims are boxed for its public half"),
    NUMBER_SETTING(config, sandbox_uid_base, 65536, 2000000000, "2000000",
	"as root: box n has the 65536 ids from here + n * 65536"),
    NUMBER_SETTING(config, sandboxes_max, 1, 10000, "1000", "most sandboxes on this machine"),
    NUMBER_SETTING(config, pids_max, 16, 4194304, "2048", "most processes and threads of one sandbox"),
    NUMBER_SETTING(
	config, cpu_milli, 0, 1024000, "0", "limit in thousandths of a core where none is asked for; 0 none"),
    NUMBER_SETTING(config, memory_bytes, 0, INT64_MAX, "0", "limit where none is asked for; 0 none"),
    NUMBER_SETTING(config, stop_ms, 0, 600000, "10000", "how long a box may take to stop before it is killed"),
    TEXTS_SETTING(config, never, 0, 16, "paths that no policy may share: the gateway's data, homes"),
    {0},
};
