/* Settings of credentials, each with its bounds and what it is for. */
#include "services/credentials/config.h"

const struct setting credentials_settings[] = {
	TEXT_SETTING(config, master_key_file, 1, SERVICE_PATH_BYTES - 1, NULL,
	    "file of the master key: 32 random bytes, closed to other users"),
	TEXT_SETTING(config, ring_file, 1, SERVICE_PATH_BYTES - 1, NULL,
	    "file of the storage keys, sealed with the master key"),
	TEXT_SETTING(config, progress_file, 0, SERVICE_PATH_BYTES - 1, "",
	    "where the progress of rotate-key is written; empty: nowhere"),
	TEXT_SETTING(config, fetch_program, 0, SERVICE_PATH_BYTES - 1, "",
	    "the program that speaks with the world; empty: credentials-fetch beside this one"),
	NUMBER_SETTING(config, fetch_limit_ms, 100, 600000, "30000", "how long a token server or secret store may take"),
	TEXT_SETTING(config, ca_file, 0, SERVICE_PATH_BYTES - 1, "",
	    "further authorities (PEM) that token servers and secret stores are verified against"),
	{0},
};
