/* Settings of state, each with its bounds and what it is for. */
#include "services/state/config.h"

static const char *const failure_modes[] = {"fail_closed", "retain_last_valid", NULL};

/* clang-format off */
const struct setting state_settings[] = {
	TEXT_SETTING(config, listen, 7, ENDPOINT_BYTES - 1, "ipc:///state/bus", "where the other processes dial state"),
	TEXT_SETTING(config, database_url, 1, DATABASE_URL_BYTES - 1, NULL,
	    "the Postgres database, as libpq takes it: key=value words or postgresql://; sockets are below run_dir"),
	KEY_SETTING(config, audit_key, "key of the hash that chains the audit rows; keep it out of the database"),
	TEXT_SETTING(config, workspace, 1, 19, "default", "workspace that is there from the start"),
	NUMBER_SETTING(config, log_rows_max, 100, 100000, "2000", "log lines kept for each sandbox"),
	NUMBER_SETTING(config, log_days, 1, 3650, "7", "days that log lines are kept"),
	NUMBER_SETTING(config, session_wait_ms, 0, 60000, "5000", "milliseconds after its start that it waits for relays to tell of the sessions it knew of"),
	NUMBER_SETTING(config, ssh_session_ttl_secs, 0, 31536000, "86400", "seconds that the token of an SSH session is good for; 0: always"),
	WORD_SETTING(config, policy_validation_failure_mode, failure_modes, "retain_last_valid",
	    "what holds in a sandbox that cannot load a policy"),
	{0},
};
/* clang-format on */
