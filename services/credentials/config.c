/* Settings of credentials, each with its bounds and what it is for. */
#include "services/credentials/config.h"

const char *const store_words[] = {"postgres", "vault", "kubernetes", NULL};

/* clang-format off */
const struct setting credentials_settings[] = {
	TEXT_SETTING(config, master_key_file, 1, SERVICE_PATH_BYTES - 1, NULL,
	    "file of the master key: 32 random bytes, closed to other users"),
	TEXT_SETTING(config, master_key_next_file, 0, SERVICE_PATH_BYTES - 1, "",
	    "file of the master key that a rotation puts in its place; it need not be there"),
	TEXT_SETTING(config, ring_file, 1, SERVICE_PATH_BYTES - 1, NULL,
	    "file of the storage keys, sealed with the master key"),
	KEY_SETTING(config, driver_key, "X25519 key of the driver: claims are boxed for it alone, whatever state says"),
	TEXT_SETTING(config, progress_file, 0, SERVICE_PATH_BYTES - 1, "",
	    "where the progress of rotate-key is written; empty: nowhere"),
	TEXT_SETTING(config, ledger_file, 0, SERVICE_PATH_BYTES - 1, "",
	    "where answers that brought a new refresh token are kept, sealed, until they are stored; empty: in memory alone"),
	TEXT_SETTING(config, fetch_program, 0, SERVICE_PATH_BYTES - 1, "",
	    "the program that speaks with the world; empty: credentials-fetch beside this one"),
	NUMBER_SETTING(config, fetch_limit_ms, 100, 600000, "30000", "how long a token server or secret store may take"),
	WORD_SETTING(config, store, store_words, "postgres", "where values are kept; records are state's in any case"),
	TEXT_SETTING(config, store_address, 0, 1023, "", "of Vault, or of the Kubernetes API: https://HOST[:PORT]"),
	TEXT_SETTING(config, store_mount, 0, 127, "secret", "Vault: where its KV version 2 is mounted"),
	TEXT_SETTING(config, store_namespace, 0, 63, "", "Kubernetes: namespace of the Secrets"),
	TEXT_SETTING(config, store_auth, 0, 31, "token_file", "Vault: token_file, or kubernetes"),
	TEXT_SETTING(config, store_auth_mount, 0, 127, "kubernetes", "Vault: where its method kubernetes is mounted"),
	TEXT_SETTING(config, store_role, 0, 127, "", "Vault: role, with the method kubernetes"),
	TEXT_SETTING(config, store_token_file, 0, SERVICE_PATH_BYTES - 1, "",
	    "file of Vault's token, or of the service account's; read for each call, as the user of credentials"),
	TEXT_SETTING(config, ca_file, 0, SERVICE_PATH_BYTES - 1, "",
	    "further authorities (PEM) that token servers and secret stores are verified against"),
	TEXT_SETTING(config, upstream_proxy, 0, 300, "", "http://HOST:PORT of the proxy that https goes out by; empty: none"),
	TEXT_SETTING(config, upstream_direct, 0, 2000, "", "whom it is not asked for, parted by commas"),
	TEXT_SETTING(config, upstream_login_file, 0, SERVICE_PATH_BYTES - 1, "", "file of its login, USER:PASSWORD; empty: none"),
	FLAG_SETTING(config, upstream_by_name, "false", "it is asked for names instead of addresses"),
	{0},
};
/* clang-format on */
