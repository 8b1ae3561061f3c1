/* Settings of credentials, each with its bounds and what it is for. */
#include "services/credentials/config.h"

const struct setting credentials_settings[] = {
	TEXT_SETTING(config, master_key_file, 1, SERVICE_PATH_BYTES - 1, NULL,
	    "file of the master key: 32 random bytes, closed to other users"),
	TEXT_SETTING(config, ring_file, 1, SERVICE_PATH_BYTES - 1, NULL,
	    "file of the storage keys, sealed with the master key"),
	{0},
};
