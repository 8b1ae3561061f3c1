/* Settings of credentials, each with its bounds and what it is for. */
#include "services/credentials/config.h"

const struct setting credentials_settings[] = {
	TEXT_SETTING(config, master_key_file, 1, SERVICE_PATH_BYTES - 1, NULL,
	    "file of the master key: 32 random bytes, closed to other users"),
	TEXT_SETTING(config, ring_file, 1, SERVICE_PATH_BYTES - 1, NULL,
	    "file of the storage keys, sealed with the master key"),
	TEXT_SETTING(config, progress_file, 0, SERVICE_PATH_BYTES - 1, "",
	    "where the progress of rotate-key is written; empty: nowhere"),
	{0},
};
