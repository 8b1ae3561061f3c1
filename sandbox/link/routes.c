/* Routes: which message goes where in the link, and in which state. */
#include "sandbox/link/routes.h"

#include "sandbox/link/attach.h"
#include "sandbox/link/config.h"
#include "sandbox/link/door.h"
#include "sandbox/link/exec.h"
#include "sandbox/link/flow.h"
#include "sandbox/link/helpers.h"
#include "sandbox/link/main_io.h"
#include "sandbox/link/report.h"
#include "sandbox/link/setup.h"
#include "sandbox/link/spool.h"

/* clang-format off */
const struct route link_routes[] = {
	{LINK_SETUP, link_setup, LINK_WAITING, 0},
	{SANDBOX_READY, report_take, LINK_RUNNING, 0},
	{SANDBOX_FAILED, report_take, LINK_RUNNING, 0},
	{MAIN_EXITED, report_take, LINK_RUNNING, 0},
	{LOGS_ADD, spool_take, LINK_RUNNING, 0},
	{CONFIG_APPLIED, report_take, LINK_RUNNING, 0},
	{SECRETS_APPLIED, report_take, LINK_RUNNING, 0},
	{CONFIG_PUSH, config_push, LINK_RUNNING, 0},
	{SECRETS_PUSH, secrets_push, LINK_RUNNING, 0},
	{CHANNEL_GIVE, channel_give, LINK_RUNNING, 0},
	{MAIN_STDIO, main_stdio, LINK_RUNNING, 0},
	{MAIN_ATTACH, main_attach, LINK_RUNNING, 0},
	{EXEC_START, exec_start, LINK_RUNNING, 0},
	{EXEC_SIGNAL, flow_signal, LINK_RUNNING, 0},
	{EXEC_EXITED, exec_exited, LINK_RUNNING, 0},
	{DOOR_OPEN, door_open, LINK_RUNNING, 0},
	{DOOR_CLOSED, flow_closed, LINK_RUNNING, 0},
	{STREAM_DATA, flow_data, LINK_RUNNING, 0},
	{STREAM_GRANT, flow_grant, LINK_RUNNING, 0},
	{STREAM_END, flow_end, LINK_RUNNING, 0},
	{0},
};
/* clang-format on */
