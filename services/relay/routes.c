/* Routes: which message goes where in the relay, and how often a second one peer may send it. */
#include "services/relay/routes.h"

#include "services/relay/config_push.h"
#include "services/relay/enrol.h"
#include "services/relay/door.h"
#include "services/relay/exec.h"
#include "services/relay/passage.h"
#include "services/relay/report.h"

/* clang-format off */
const struct route relay_routes[] = {
	{ENROL, session_enrol, 0, 5},
	{SESSION_DROP, session_drop, 0, 0},
	{SANDBOX_READY, report_ready, 0, 10},
	{SANDBOX_FAILED, report_failed, 0, 10},
	{MAIN_EXITED, report_main_exited, 0, 10},
	{CONFIG_APPLIED, report_applied, 0, 100},
	{SECRETS_APPLIED, report_secrets, 0, 100},
	{CONFIG_PUSH, config_push, 0, 0},
	{SECRETS_PUSH, secrets_push, 0, 0},
	{LOGS_ADD, report_logs, 0, 100},
	{EXEC_START, exec_start, 0, 0},
	{EXEC_EXITED, exec_exited, 0, 0},
	{EXEC_SIGNAL, exec_signal, 0, 0},
	{DOOR_OPEN, door_open, 0, 0},
	{DOOR_CLOSED, door_closed, 0, 0},
	{STREAM_DATA, passage_data, 0, 0},
	{STREAM_GRANT, passage_grant, 0, 0},
	{STREAM_END, passage_end, 0, 0},
	{0},
};
/* clang-format on */
