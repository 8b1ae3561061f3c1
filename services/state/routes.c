/* Which message goes where. */
#include "services/state/state.h"

const struct route routes[] = {
	/* message        handler          states  per second, per peer */
	{ SANDBOX_CREATE, sandbox_create,  0,       500 },
	{ SANDBOX_GET,    sandbox_get,     0,     10000 },
	{ SANDBOX_LIST,   sandbox_list,    0,      1000 },
	{ SANDBOX_STOP,   sandbox_stop,    0,       500 },
	{ SANDBOX_START,  sandbox_start,   0,       500 },
	{ SANDBOX_DELETE, sandbox_delete,  0,       500 },
	{ CONFIG_GET,     config_get,      0,      2000 },
	{ POLICY_SET,     policy_set,      0,       500 },
	{ POLICY_CLEAR,   policy_clear,    0,       100 },
	{ POLICIES_GET,   policies_get,    0,      2000 },
	{ SETTING_SET,    setting_change,  0,       500 },
	{ GATEWAY_GET,    gateway_get,     0,      2000 },
	{ WATCH_OPEN,     watch_open,      0,      2000 },
	{ WATCH_CLOSE,    watch_close,     0,         0 },
	{ LOGS_GET,       logs_get,        0,       500 },
	{ LOGS_ADD,       logs_add,        0,      5000 },
	{ DRIVER_JOIN,    driver_join,     0,        10 },
	{ TICKET,         ticket,          0,      1000 },
	{ OBSERVED,       observed,        0,      5000 },
	{ ENROL_CHECK,    enrol_check,     0,      1000 },
	{ SESSION_UP,     session_up,      0,         0 },
	{ SESSION_DOWN,   session_down,    0,         0 },
	{ SANDBOX_READY,  sandbox_ready,   0,      5000 },
	{ SANDBOX_FAILED, sandbox_failed,  0,      5000 },
	{ MAIN_EXITED,    main_exited,     0,      5000 },
	{ CONFIG_APPLIED, config_applied,  0,      5000 },
	{ 0 },
};
