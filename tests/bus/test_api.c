/* api alone: state and relay played by the test, a real gRPC client before it. */
#include "tests/unit/test.h"

#include <arpa/inet.h>
#include <assert.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/clean.h"
#include "common/base/clock.h"
#include "common/bus/stream.h"
#include "common/wire/protobuf.h"
#include "tests/bus/api_stage.h"

static const struct id sandbox = {{1, 2, 3, 4, 5, 6, 0x47, 8, 0x89, 10, 11, 12, 13, 14, 15, 16}};

/* ---- rows ---- */

static struct msg_condition conditions[] = {
    {SPAN_NONE, SPAN_NONE, SPAN_NONE, SPAN_NONE, 1700000000123},
    {SPAN_NONE, SPAN_NONE, SPAN_NONE, SPAN_NONE, 0},
};
static struct span labels[1];

static struct msg
row(uint8_t phase)
{
	labels[0] = SPAN("team=red");
	conditions[0].type = SPAN("Ready");
	conditions[0].status = phase == 2 ? SPAN("True") : SPAN("False");
	conditions[0].reason = phase == 2 ? SPAN("DependenciesReady") : SPAN("DependenciesNotReady");
	conditions[0].message = SPAN("words");
	conditions[1].type = SPAN("Wall.seccomp");
	conditions[1].status = SPAN("True");
	conditions[1].reason = SPAN("Enforced");
	return (struct msg){.id = SANDBOX_ROW,
	    .sandbox_row = {.sandbox = sandbox, .name = SPAN("demo"), .workspace = SPAN("default"), .labels = labels,
		.labels_n = 1, .created_ms = 1700000000000, .resource_version = 7, .phase = phase, .epoch = 1,
		.exit_code = 256, .policy_version = 1, .conditions = conditions, .conditions_n = 2}};
}

static const Openshell__V1__Sandbox *
sandbox_of(const struct got *got, size_t i)
{
	const Openshell__V1__SandboxStreamEvent *event;

	assert_in_range(i, 0, got->n - 1);
	if (got->messages[i]->descriptor == &openshell__v1__sandbox_response__descriptor)
		return ((const Openshell__V1__SandboxResponse *)got->messages[i])->sandbox;
	event = (const Openshell__V1__SandboxStreamEvent *)got->messages[i];
	assert_int_equal(event->payload_case, OPENSHELL__V1__SANDBOX_STREAM_EVENT__PAYLOAD_SANDBOX);
	return event->sandbox;
}

/* ---- unary calls ---- */

static void
health_and_user(void **unused)
{
	Openshell__V1__HealthRequest health = OPENSHELL__V1__HEALTH_REQUEST__INIT;
	Openshell__V1__GetCurrentUserRequest user = OPENSHELL__V1__GET_CURRENT_USER_REQUEST__INIT;
	struct got *got = call(OPENSHELL "Health", &health.base, &openshell__v1__health_response__descriptor);
	const Openshell__V1__GetCurrentUserResponse *who;

	(void)unused;
	got_ended(got, 0, NULL);
	assert_int_equal(((Openshell__V1__HealthResponse *)got->messages[0])->status, 1);
	got_free(got);
	got = call(OPENSHELL "GetCurrentUser", &user.base, &openshell__v1__get_current_user_response__descriptor);
	got_ended(got, 0, NULL);
	who = (const Openshell__V1__GetCurrentUserResponse *)got->messages[0];
	assert_string_equal(who->subject, "unauthenticated-local-dev");
	assert_int_equal(who->n_roles, 2);
	got_free(got);
}

static void
gateway_info(void **unused)
{
	Openshell__V1__GetGatewayInfoRequest request = OPENSHELL__V1__GET_GATEWAY_INFO_REQUEST__INIT;
	struct msg_driver_info drivers[] = {{SPAN("local"), SPAN("0.1.0"), true}};
	const struct msg answer = {.id = GATEWAY, .gateway = {drivers, 1, true}};
	struct got *got = call(OPENSHELL "GetGatewayInfo", &request.base,
	    &openshell__v1__get_gateway_info_response__descriptor);
	const Openshell__V1__GetGatewayInfoResponse *info;

	(void)unused;
	actor_answer(&state, GATEWAY_GET, &answer);
	got_ended(got, 0, NULL);
	info = (const Openshell__V1__GetGatewayInfoResponse *)got->messages[0];
	assert_int_equal(info->n_compute_drivers, 1);
	assert_string_equal(info->compute_drivers[0]->capabilities->driver_name, "local");
	got_free(got);
}

static struct got *
create(const char *name, Openshell__V1__SandboxSpec *spec)
{
	Openshell__V1__CreateSandboxRequest request = OPENSHELL__V1__CREATE_SANDBOX_REQUEST__INIT;

	request.name = (char *)name;
	request.spec = spec;
	return call(OPENSHELL "CreateSandbox", &request.base, &openshell__v1__sandbox_response__descriptor);
}

static void
create_completes(void **unused)
{
	Openshell__V1__SandboxSpec spec = OPENSHELL__V1__SANDBOX_SPEC__INIT;
	struct msg answer = row(1);
	struct got *got = create("demo", &spec);
	struct heard *heard = actor_hear(&state, SANDBOX_CREATE);
	const struct msg_sandbox_create *m = &heard->msg.sandbox_create;
	const Openshell__V1__Sandbox *made;

	(void)unused;
	assert_true(span_is(m->name, "demo") && span_is(m->workspace, "default"));
	assert_int_equal(m->command_n, 2);
	assert_true(span_is(m->command[0], "/bin/bash") && span_is(m->command[1], "-l"));
	assert_true(m->tty);
	assert_true(span_is(m->subject, "unauthenticated-local-dev"));
	answer.sandbox_row.spec = m->spec;
	reply_send(&heard->reply, &answer);
	got_ended(got, 0, NULL);
	made = sandbox_of(got, 0);
	assert_string_equal(made->metadata->name, "demo");
	assert_string_equal(made->metadata->labels[0]->key, "team");
	assert_int_equal(made->metadata->resource_version, 7);
	assert_int_equal(made->status->phase, 1);
	assert_false(made->status->has_exit_code);
	assert_string_equal(made->status->conditions[0]->last_transition_time, "2023-11-14T22:13:20.123Z");
	assert_string_equal(made->spec->command[1], "-l");
	assert_true(made->spec->tty);
	heard_free(heard);
	got_free(got);
}

/* A made-up name that is taken is replaced by another; a given one is not. */
static void
create_names(void **unused)
{
	Openshell__V1__SandboxSpec spec = OPENSHELL__V1__SANDBOX_SPEC__INIT;
	const struct msg answer = row(1);
	struct got *got = create(NULL, &spec);
	struct heard *first = actor_hear(&state, SANDBOX_CREATE), *second;
	struct why why;

	(void)unused;
	(void)fail(&why, ERR_EXISTS, "sandbox already exists");
	reply_fail(&first->reply, ERR_EXISTS, &why);
	second = actor_hear(&state, SANDBOX_CREATE);
	assert_false(id_equal(first->msg.sandbox_create.request, second->msg.sandbox_create.request));
	assert_true(second->msg.sandbox_create.name.length >= 5);
	reply_send(&second->reply, &answer);
	got_ended(got, 0, NULL);
	got_free(got);
	heard_free(first);
	heard_free(second);
	got = create("demo", &spec);
	actor_refuse(&state, SANDBOX_CREATE, ERR_EXISTS, "sandbox 'demo' already exists");
	got_ended(got, 6, "sandbox 'demo' already exists");
	got_free(got);
}

/* Nothing wrong reaches state. */
static void
create_refuses(void **unused)
{
	Openshell__V1__SandboxSpec spec = OPENSHELL__V1__SANDBOX_SPEC__INIT;
	Openshell__V1__SandboxSpec__EnvironmentEntry entry = OPENSHELL__V1__SANDBOX_SPEC__ENVIRONMENT_ENTRY__INIT;
	Openshell__V1__SandboxSpec__EnvironmentEntry *environment[] = {&entry};
	Openshell__Sandbox__V1__SandboxPolicy policy = OPENSHELL__SANDBOX__V1__SANDBOX_POLICY__INIT;
	Openshell__Sandbox__V1__FilesystemPolicy files = OPENSHELL__SANDBOX__V1__FILESYSTEM_POLICY__INIT;
	char *relative[] = {(char *)"etc"}, *providers[] = {(char *)"github"};
	struct got *got;

	(void)unused;
	got = create("Demo", &spec);
	got_ended(got, 3, "lowercase alphanumeric");
	got_free(got);
	got = create("demo-", &spec);
	got_ended(got, 3, "must not start or end with a hyphen");
	got_free(got);
	got = create("demo", NULL);
	got_ended(got, 3, "spec is required");
	got_free(got);
	entry.key = (char *)"OPENSHELL_X";
	spec.environment = environment;
	spec.n_environment = 1;
	got = create("demo", &spec);
	got_ended(got, 3, "OPENSHELL_ are reserved");
	got_free(got);
	spec.n_environment = 0;
	spec.policy = &policy;
	policy.filesystem = &files;
	files.read_only = relative;
	files.n_read_only = 1;
	got = create("demo", &spec);
	got_ended(got, 3, "path must be absolute");
	got_free(got);
	spec.policy = NULL;
	spec.providers = providers;
	spec.n_providers = 1;
	got = create("demo", &spec);
	got_ended(got, 9, "provider 'github' not found");
	got_free(got);
	assert_null(actor_heard(&state, SANDBOX_CREATE));
}

static void
by_name(void **unused)
{
	Openshell__V1__GetSandboxRequest get = OPENSHELL__V1__GET_SANDBOX_REQUEST__INIT;
	Openshell__V1__StopSandboxRequest stop = OPENSHELL__V1__STOP_SANDBOX_REQUEST__INIT;
	Openshell__V1__DeleteSandboxRequest delete = OPENSHELL__V1__DELETE_SANDBOX_REQUEST__INIT;
	const struct msg deleted = {.id = SANDBOX_DELETED, .sandbox_deleted = {row(2).sandbox_row.sandbox}};
	struct got *got;

	(void)unused;
	call_fails(OPENSHELL "GetSandbox", &get.base, &openshell__v1__sandbox_response__descriptor, 3, "name is required");
	get.name = (char *)"much-too-long-for-a-name";
	call_fails(OPENSHELL "GetSandbox", &get.base, &openshell__v1__sandbox_response__descriptor, 5, "sandbox not found");
	get.name = stop.name = delete.name = (char *)"demo";
	got = call(OPENSHELL "GetSandbox", &get.base, &openshell__v1__sandbox_response__descriptor);
	actor_refuse(&state, SANDBOX_GET, ERR_NOT_FOUND, "no such row");
	got_ended(got, 5, NULL);
	assert_string_equal(got->status.message, "sandbox not found");
	got_free(got);
	got = call(OPENSHELL "StopSandbox", &stop.base, &openshell__v1__sandbox_response__descriptor);
	actor_refuse(&state, SANDBOX_STOP, ERR_STATE, "sandbox is not ready");
	got_ended(got, 9, "sandbox is not ready");
	got_free(got);
	got = call(OPENSHELL "DeleteSandbox", &delete.base, &openshell__v1__delete_sandbox_response__descriptor);
	actor_answer(&state, SANDBOX_DELETE, &deleted);
	got_ended(got, 0, NULL);
	assert_true(((Openshell__V1__DeleteSandboxResponse *)got->messages[0])->deleted);
	assert_int_equal(((Openshell__V1__DeleteSandboxResponse *)got->messages[0])->outcome, 2);
	assert_string_equal(((Openshell__V1__DeleteSandboxResponse *)got->messages[0])->sandbox_id,
	    id_text(deleted.sandbox_deleted.sandbox));
	got_free(got);
	delete.has_allow_missing = delete.allow_missing = true;
	got = call(OPENSHELL "DeleteSandbox", &delete.base, &openshell__v1__delete_sandbox_response__descriptor);
	actor_refuse(&state, SANDBOX_DELETE, ERR_NOT_FOUND, "no such row");
	got_ended(got, 0, NULL);
	assert_int_equal(((Openshell__V1__DeleteSandboxResponse *)got->messages[0])->outcome, 3);
	got_free(got);
}

/* A page that state cuts is asked for again from where it ended. */
static void
list_goes_on(void **unused)
{
	Openshell__V1__ListSandboxesRequest request = OPENSHELL__V1__LIST_SANDBOXES_REQUEST__INIT;
	struct msg_sandbox_row rows[2];
	struct msg answer = {.id = SANDBOX_LISTED, .sandbox_listed = {rows, 2, true}};
	struct got *got;
	struct heard *heard;

	(void)unused;
	rows[0] = rows[1] = row(2).sandbox_row;
	request.has_limit = true;
	request.limit = 3;
	request.label_selector = (char *)"team=red,tier=";
	got = call(OPENSHELL "ListSandboxes", &request.base, &openshell__v1__list_sandboxes_response__descriptor);
	heard = actor_hear(&state, SANDBOX_LIST);
	assert_int_equal(heard->msg.sandbox_list.limit, 3);
	assert_int_equal(heard->msg.sandbox_list.selector_n, 2);
	assert_true(span_is(heard->msg.sandbox_list.selector[1], "tier="));
	reply_send(&heard->reply, &answer);
	heard_free(heard);
	heard = actor_hear(&state, SANDBOX_LIST);
	assert_int_equal(heard->msg.sandbox_list.limit, 1);
	assert_int_equal(heard->msg.sandbox_list.offset, 2);
	answer.sandbox_listed.sandboxes_n = 1;
	answer.sandbox_listed.more = false;
	reply_send(&heard->reply, &answer);
	heard_free(heard);
	got_ended(got, 0, NULL);
	assert_int_equal(((Openshell__V1__ListSandboxesResponse *)got->messages[0])->n_sandboxes, 3);
	assert_string_equal(((Openshell__V1__ListSandboxesResponse *)got->messages[0])->next_page_token, "3");
	got_free(got);
	request.has_all_workspaces = request.all_workspaces = true;
	request.workspace = (char *)"default";
	call_fails(OPENSHELL "ListSandboxes", &request.base, &openshell__v1__list_sandboxes_response__descriptor, 3,
	    "all_workspaces");
}

static void
logs_and_config(void **unused)
{
	Openshell__V1__GetSandboxLogsRequest request = OPENSHELL__V1__GET_SANDBOX_LOGS_REQUEST__INIT;
	Openshell__Sandbox__V1__GetSandboxConfigRequest config = OPENSHELL__SANDBOX__V1__GET_SANDBOX_CONFIG_REQUEST__INIT;
	struct span fields[] = {SPAN("pid=1")};
	struct msg_log_line lines[] = {{5, SPAN("gateway"), SPAN("INFO"), SPAN("state"), SPAN("hello"), fields, 1}};
	const struct msg answer = {.id = LOGS, .logs = {lines, 1, 17}};
	const struct msg in_force = {.id = CONFIG, .config = {.workspace = SPAN("default"), .policy = SPAN("\x08\x01"),
	    .version = 3, .hash = SPAN("0123456789abcdef0123456789abcdef"), .config_revision = 9}};
	const Openshell__V1__GetSandboxLogsResponse *logs;
	const Openshell__Sandbox__V1__GetSandboxConfigResponse *got_config;
	struct got *got;

	(void)unused;
	request.sandbox_id = config.sandbox_id = (char *)"nonsense";
	call_fails(OPENSHELL "GetSandboxLogs", &request.base, &openshell__v1__get_sandbox_logs_response__descriptor, 5,
	    "sandbox not found");
	request.sandbox_id = config.sandbox_id = id_text(sandbox);
	got = call(OPENSHELL "GetSandboxLogs", &request.base, &openshell__v1__get_sandbox_logs_response__descriptor);
	actor_answer(&state, LOGS_GET, &answer);
	got_ended(got, 0, NULL);
	logs = (const Openshell__V1__GetSandboxLogsResponse *)got->messages[0];
	assert_int_equal(logs->buffer_total, 17);
	assert_string_equal(logs->logs[0]->fields[0]->value, "1");
	got_free(got);
	got = call(OPENSHELL "GetSandboxConfig", &config.base,
	    &openshell__sandbox__v1__get_sandbox_config_response__descriptor);
	actor_answer(&state, CONFIG_GET, &in_force);
	got_ended(got, 0, NULL);
	got_config = (const Openshell__Sandbox__V1__GetSandboxConfigResponse *)got->messages[0];
	assert_int_equal(strlen(got_config->policy_hash), 64);
	assert_int_equal(got_config->policy->version, 1);
	got_free(got);
}

static void
not_there_yet(void **unused)
{
	Openshell__V1__ListProvidersRequest request = OPENSHELL__V1__LIST_PROVIDERS_REQUEST__INIT;

	(void)unused;
	call_fails(OPENSHELL "ListProviders", &request.base, &openshell__v1__list_providers_response__descriptor, 12,
	    "ListProviders");
	call_fails(OPENSHELL "NoSuchMethod", &request.base, &openshell__v1__list_providers_response__descriptor, 12,
	    "NoSuchMethod");
}

/* The answer is late: the caller's own deadline ends the call, and the late answer harms nothing. */
static void
caller_gives_up(void **unused)
{
	Openshell__V1__GetSandboxRequest get = OPENSHELL__V1__GET_SANDBOX_REQUEST__INIT;
	const struct msg answer = row(2);
	struct heard *heard;
	struct got *got;

	(void)unused;
	get.name = (char *)"demo";
	got = call(OPENSHELL "GetSandbox", &get.base, &openshell__v1__sandbox_response__descriptor);
	heard = actor_hear(&state, SANDBOX_GET);
	rpc_stream_cancel(got->stream);
	got_free(got);
	got = call(OPENSHELL "GetSandbox", &get.base, &openshell__v1__sandbox_response__descriptor);
	reply_send(&heard->reply, &answer);
	heard_free(heard);
	actor_answer(&state, SANDBOX_GET, &answer);
	got_ended(got, 0, NULL);
	got_free(got);
}

/* ---- watches ---- */

static struct got *
watch(Openshell__V1__WatchSandboxRequest *request, uint64_t *number, uint8_t phase)
{
	const struct msg answer = row(phase);
	struct heard *heard;
	struct got *got;

	request->id = id_text(sandbox);
	got = call(OPENSHELL "WatchSandbox", &request->base, &openshell__v1__sandbox_stream_event__descriptor);
	heard = actor_hear(&state, WATCH_OPEN);
	*number = heard->msg.watch_open.watch;
	reply_send(&heard->reply, &answer);
	heard_free(heard);
	return got;
}

static void
watch_follows(void **unused)
{
	Openshell__V1__WatchSandboxRequest request = OPENSHELL__V1__WATCH_SANDBOX_REQUEST__INIT;
	struct msg_log_line lines[] = {
	    {5, SPAN("gateway"), SPAN("INFO"), SPAN("a"), SPAN("old"), NULL, 0},
	    {6, SPAN("sandbox"), SPAN("INFO"), SPAN("b"), SPAN("both"), NULL, 0},
	    {7, SPAN("sandbox"), SPAN("DEBUG"), SPAN("b"), SPAN("quiet"), NULL, 0},
	    {8, SPAN("sandbox"), SPAN("WARN"), SPAN("b"), SPAN("new"), NULL, 0},
	};
	const struct msg tail = {.id = LOGS, .logs = {lines, 2, 2}};
	struct msg live = {.id = WATCH_LOG, .watch_log = {0, lines + 1, 3}};
	struct msg changed = {.id = WATCH_ROW, .watch_row = {.row_n = 1}};
	struct msg_sandbox_row ready = row(2).sandbox_row;
	const Openshell__V1__SandboxStreamEvent *event;
	struct heard *heard;
	struct got *got;
	uint64_t number;

	(void)unused;
	request.has_follow_status = request.follow_status = true;
	request.has_follow_logs = request.follow_logs = true;
	request.log_min_level = (char *)"INFO";
	got = watch(&request, &number, 1);
	heard = actor_hear(&state, LOGS_GET);
	assert_int_equal(heard->msg.logs_get.lines, 200);
	live.watch_log.watch = changed.watch_row.watch = number;
	changed.watch_row.row = &ready;
	tell(state.peer, &live); /* before the tail: one line of it is in the tail too */
	reply_send(&heard->reply, &tail);
	heard_free(heard);
	UNTIL(loop, got->n == 4);
	ready = row(2).sandbox_row; /* row() has one set of conditions */
	tell(state.peer, &changed);
	UNTIL(loop, got->n == 5);
	assert_int_equal(sandbox_of(got, 0)->status->phase, 1);
	for (size_t i = 1; i < 4; i++) {
		static const char *const want[] = {"", "old", "both", "new"};

		event = (const Openshell__V1__SandboxStreamEvent *)got->messages[i];
		assert_int_equal(event->payload_case, OPENSHELL__V1__SANDBOX_STREAM_EVENT__PAYLOAD_LOG);
		assert_string_equal(event->log->message, want[i]);
	}
	assert_int_equal(sandbox_of(got, 4)->status->phase, 2);
	assert_false(got->ended);
	changed.watch_row.row_n = 0;
	tell(state.peer, &changed);
	got_ended(got, 0, NULL);
	heard_free(actor_hear(&state, WATCH_CLOSE));
	got_free(got);
}

static void
watch_stops_at_ready(void **unused)
{
	Openshell__V1__WatchSandboxRequest request = OPENSHELL__V1__WATCH_SANDBOX_REQUEST__INIT;
	struct msg_sandbox_row ready;
	struct msg changed = {.id = WATCH_ROW, .watch_row = {.row = &ready, .row_n = 1}};
	const Openshell__V1__SandboxStreamEvent *event;
	struct got *got;

	(void)unused;
	request.has_follow_status = request.follow_status = true;
	request.has_follow_events = request.follow_events = true;
	request.has_stop_on_terminal = request.stop_on_terminal = true;
	got = watch(&request, &changed.watch_row.watch, 1);
	UNTIL(loop, got->n == 2);
	event = (const Openshell__V1__SandboxStreamEvent *)got->messages[1];
	assert_int_equal(event->payload_case, OPENSHELL__V1__SANDBOX_STREAM_EVENT__PAYLOAD_EVENT);
	assert_string_equal(event->event->metadata[0]->key, "openshell.progress.complete_step");
	ready = row(2).sandbox_row;
	tell(state.peer, &changed);
	got_ended(got, 0, NULL);
	assert_int_equal(got->n, 4);
	got_free(got);
	heard_free(actor_hear(&state, WATCH_CLOSE));
}

/* Who does not read is let go, and nobody else notices. */
static void
watch_slow_reader(void **unused)
{
	Openshell__V1__WatchSandboxRequest request = OPENSHELL__V1__WATCH_SANDBOX_REQUEST__INIT;
	static struct msg_log_line lines[100];
	static char text[8000];
	const struct msg tail = {.id = LOGS};
	struct msg live = {.id = WATCH_LOG, .watch_log = {0, lines, COUNT(lines)}};
	struct heard *closed = NULL;
	struct got *got;

	(void)unused;
	memset(text, 'x', sizeof(text));
	for (size_t i = 0; i < COUNT(lines); i++)
		lines[i] = (struct msg_log_line){i, SPAN("sandbox"), SPAN("INFO"), SPAN("t"),
		    span_of_bytes(text, sizeof(text)), NULL, 0};
	request.has_follow_logs = request.follow_logs = true;
	got = watch(&request, &live.watch_log.watch, 1);
	got->paused = true;
	actor_answer(&state, LOGS_GET, &tail);
	for (int i = 0; i < 100 && closed == NULL; i++) {
		tell(state.peer, &live);
		turn(loop, clock_ms() + 50, "a turn");
		closed = actor_heard(&state, WATCH_CLOSE);
	}
	if (closed == NULL)
		closed = actor_hear(&state, WATCH_CLOSE);
	heard_free(closed);
	got->paused = false;
	rpc_stream_resume(got->stream);
	got_ended(got, 8, "too slow");
	got_free(got);
	health_and_user(NULL);
}

/* ---- commands ---- */

static struct got *
exec_ask(Openshell__V1__ExecSandboxRequest *request, uint8_t phase)
{
	char *command[] = {(char *)"cat", (char *)"-"};
	const struct msg answer = row(phase);
	struct got *got;

	request->sandbox_id = id_text(sandbox);
	request->command = command;
	request->n_command = 2;
	got = call(OPENSHELL "ExecSandbox", &request->base, &openshell__v1__exec_sandbox_event__descriptor);
	actor_answer(&state, SANDBOX_GET, &answer);
	return got;
}

/* Until it runs: its stream's number. */
static uint64_t
exec_started(void)
{
	const struct msg answer = {.id = EXEC_STARTED, .exec_started = {42}};
	struct heard *heard = actor_hear(&relay, EXEC_START);
	uint64_t stream = heard->msg.exec_start.stream;

	reply_send(&heard->reply, &answer);
	heard_free(heard);
	return stream;
}

static void
exited(uint64_t stream, uint16_t code)
{
	const struct msg m = {.id = EXEC_EXITED, .exec_exited = {stream, code, SPAN("because")}};

	tell(relay.peer, &m);
}

static void
data(uint64_t stream, uint8_t channel, uint64_t offset, const char *bytes, size_t n)
{
	const struct msg m = {.id = STREAM_DATA, .stream_data = {stream, channel, offset, span_of_bytes(bytes, n)}};

	tell(relay.peer, &m);
}

static void
end(uint64_t stream, uint8_t channel, uint64_t offset)
{
	const struct msg m = {.id = STREAM_END, .stream_end = {stream, channel, offset}};

	tell(relay.peer, &m);
}

static void
exec_refuses(void **unused)
{
	Openshell__V1__ExecSandboxRequest request = OPENSHELL__V1__EXEC_SANDBOX_REQUEST__INIT;
	struct got *got;

	(void)unused;
	call_fails(OPENSHELL "ExecSandbox", &request.base, &openshell__v1__exec_sandbox_event__descriptor, 3,
	    "sandbox_id is required");
	request.sandbox_id = id_text(sandbox);
	call_fails(OPENSHELL "ExecSandbox", &request.base, &openshell__v1__exec_sandbox_event__descriptor, 3,
	    "command is required");
	got = exec_ask(&request, 1);
	got_ended(got, 9, "sandbox is not ready");
	got_free(got);
	assert_null(actor_heard(&relay, EXEC_START));
}

/* As clients from 0.1 on ask: by name, in a workspace. */
static void
exec_by_name(void **unused)
{
	Openshell__V1__ExecSandboxRequest request = OPENSHELL__V1__EXEC_SANDBOX_REQUEST__INIT;
	char *command[] = {(char *)"true"};
	const struct msg answer = row(2);
	struct heard *heard;
	struct got *got;
	struct why why;

	(void)unused;
	request.command = command;
	request.n_command = 1;
	request.workspace = (char *)"\x0a\x07" /* a WorkspaceSelector */
				    "default";
	call_fails(OPENSHELL "ExecSandbox", &request.base, &openshell__v1__exec_sandbox_event__descriptor, 3,
	    "sandbox is required");
	request.sandbox_id = id_text(sandbox);
	call_fails(OPENSHELL "ExecSandbox", &request.base, &openshell__v1__exec_sandbox_event__descriptor, 5,
	    "sandbox not found");
	request.sandbox_id = (char *)"demo";
	got = call(OPENSHELL "ExecSandbox", &request.base, &openshell__v1__exec_sandbox_event__descriptor);
	heard = actor_hear(&state, SANDBOX_GET);
	assert_true(id_none(heard->msg.sandbox_get.sandbox));
	assert_true(span_is(heard->msg.sandbox_get.name, "demo"));
	assert_true(span_is(heard->msg.sandbox_get.workspace, "default"));
	reply_send(&heard->reply, &answer);
	heard_free(heard);
	heard = actor_hear(&relay, EXEC_START);
	assert_true(id_equal(heard->msg.exec_start.sandbox, sandbox));
	reply_fail(&heard->reply, fail(&why, ERR_NOT_FOUND, "no such command"), &why);
	heard_free(heard);
	got_ended(got, 0, NULL);
	got_free(got);
}

/* Both ways, within the credit, the exit last. */
static void
exec_runs(void **unused)
{
	Openshell__V1__ExecSandboxRequest request = OPENSHELL__V1__EXEC_SANDBOX_REQUEST__INIT;
	struct msg grant = {.id = STREAM_GRANT, .stream_grant = {0, 0, 4}};
	const Openshell__V1__ExecSandboxEvent *event;
	struct heard *heard;
	struct got *got;
	uint64_t stream;

	(void)unused;
	request.has_stdin = true;
	request.stdin = (ProtobufCBinaryData){6, (uint8_t *)"abcdef"};
	got = exec_ask(&request, 2);
	grant.stream_grant.stream = stream = exec_started();
	heard_free(actor_hear(&relay, STREAM_GRANT));
	heard_free(actor_hear(&relay, STREAM_GRANT));
	tell(relay.peer, &grant);
	heard = actor_hear(&relay, STREAM_DATA);
	assert_true(span_is(heard->msg.stream_data.bytes, "abcd"));
	heard_free(heard);
	assert_null(actor_heard(&relay, STREAM_END));
	grant.stream_grant.limit = 100;
	tell(relay.peer, &grant);
	heard = actor_hear(&relay, STREAM_DATA);
	assert_true(span_is(heard->msg.stream_data.bytes, "ef"));
	assert_int_equal(heard->msg.stream_data.offset, 4);
	heard_free(heard);
	heard_free(actor_hear(&relay, STREAM_END));
	data(stream, 1, 0, "out", 3);
	data(stream, 2, 0, "err", 3);
	end(stream, 1, 3);
	end(stream, 2, 3);
	exited(stream, 130);
	got_ended(got, 0, NULL);
	assert_int_equal(got->n, 3);
	event = (const Openshell__V1__ExecSandboxEvent *)got->messages[1];
	assert_int_equal(event->payload_case, OPENSHELL__V1__EXEC_SANDBOX_EVENT__PAYLOAD_STDERR);
	event = (const Openshell__V1__ExecSandboxEvent *)got->messages[2];
	assert_int_equal(event->payload_case, OPENSHELL__V1__EXEC_SANDBOX_EVENT__PAYLOAD_EXIT);
	assert_int_equal(event->exit->exit_code, 130);
	assert_null(actor_heard(&relay, EXEC_SIGNAL));
	got_free(got);
}

/* A caller who does not read holds the command back, and gets every byte and the exit in the end. */
static void
exec_back_pressure(void **unused)
{
	enum { ALL = 4 << 20, PIECE = 32768 };
	Openshell__V1__ExecSandboxRequest request = OPENSHELL__V1__EXEC_SANDBOX_REQUEST__INIT;
	static char bytes[PIECE];
	uint64_t sent = 0, limit = 0, stalled, total = 0;
	struct heard *heard;
	struct got *got;
	uint64_t stream;
	struct why why;

	(void)unused;
	got = exec_ask(&request, 2);
	got->paused = true;
	stream = exec_started();
	while (sent < ALL) {
		stalled = clock_ms() + (got->paused ? 200 : PATIENCE_MS); /* that no credit comes can only be waited out */
		while (limit < sent + PIECE && clock_ms() < stalled) {
			assert_int_equal(loop_turn(loop, 20, &why), OK);
			while ((heard = actor_heard(&relay, STREAM_GRANT)) != NULL) {
				if (heard->msg.stream_grant.channel == 1)
					limit = heard->msg.stream_grant.limit;
				heard_free(heard);
			}
		}
		if (limit < sent + PIECE && got->paused) {
			assert_in_range(sent, 1 << 20, 3 << 20); /* windows and queues, and no more */
			got->paused = false;
			rpc_stream_resume(got->stream);
			continue;
		}
		assert_true(limit >= sent + PIECE);
		data(stream, 1, sent, bytes, PIECE);
		sent += PIECE;
	}
	assert_false(got->paused);
	end(stream, 1, ALL);
	end(stream, 2, 0);
	exited(stream, 0);
	got_ended(got, 0, NULL);
	for (size_t i = 0; i + 1 < got->n; i++)
		total += ((const Openshell__V1__ExecSandboxEvent *)got->messages[i])->stdout->data.len;
	assert_int_equal(total, ALL);
	got_free(got);
}

/* The caller goes: the command is killed and read to its end. */
static void
exec_caller_goes(void **unused)
{
	Openshell__V1__ExecSandboxRequest request = OPENSHELL__V1__EXEC_SANDBOX_REQUEST__INIT;
	struct heard *heard;
	struct got *got;
	uint64_t stream;
	static char bytes[60000];

	(void)unused;
	got = exec_ask(&request, 2);
	stream = exec_started();
	heard_free(actor_hear(&relay, STREAM_GRANT));
	heard_free(actor_hear(&relay, STREAM_GRANT));
	rpc_stream_cancel(got->stream);
	got_free(got);
	heard = actor_hear(&relay, EXEC_SIGNAL);
	assert_int_equal(heard->msg.exec_signal.signal, SIGKILL);
	assert_int_equal(heard->msg.exec_signal.stream, stream);
	heard_free(heard);
	for (uint64_t at = 0; at < 4 * sizeof(bytes); at += sizeof(bytes))
		data(stream, 1, at, bytes, sizeof(bytes));
	heard_free(actor_hear(&relay, STREAM_GRANT)); /* taken and dropped */
	exited(stream, 137);
	/* and one whose start is still asked for */
	got = exec_ask(&request, 2);
	heard = actor_hear(&relay, EXEC_START);
	rpc_stream_cancel(got->stream);
	got_free(got);
	health_and_user(NULL); /* the cancellation has arrived before this call did */
	reply_send(&heard->reply, &(struct msg){.id = EXEC_STARTED, .exec_started = {43}});
	stream = heard->msg.exec_start.stream;
	heard_free(heard);
	heard_free(actor_hear(&relay, EXEC_SIGNAL));
	exited(stream, 137);
}

/* A session that is away is asked for again, under another number. */
static void
exec_waits_for_session(void **unused)
{
	Openshell__V1__ExecSandboxRequest request = OPENSHELL__V1__EXEC_SANDBOX_REQUEST__INIT;
	struct heard *heard;
	struct got *got;
	uint64_t first, second;
	struct why why;

	(void)unused;
	(void)fail(&why, ERR_UNAVAILABLE, "supervisor session not connected");
	got = exec_ask(&request, 2);
	heard = actor_hear(&relay, EXEC_START);
	first = heard->msg.exec_start.stream;
	reply_fail(&heard->reply, ERR_UNAVAILABLE, &why);
	heard_free(heard);
	second = exec_started();
	assert_int_not_equal(first, second);
	exited(second, 256);
	got_ended(got, 14, "because");
	got_free(got);
}

/* What cannot be executed ends as in a shell. */
static void
exec_not_found(void **unused)
{
	Openshell__V1__ExecSandboxRequest request = OPENSHELL__V1__EXEC_SANDBOX_REQUEST__INIT;
	const Openshell__V1__ExecSandboxEvent *event;
	struct got *got = exec_ask(&request, 2);

	(void)unused;
	actor_refuse(&relay, EXEC_START, ERR_NOT_FOUND, "cat: command not found");
	got_ended(got, 0, NULL);
	assert_int_equal(got->n, 2);
	event = (const Openshell__V1__ExecSandboxEvent *)got->messages[0];
	assert_int_equal(event->payload_case, OPENSHELL__V1__EXEC_SANDBOX_EVENT__PAYLOAD_STDERR);
	assert_memory_equal(event->stderr->data.data, "cat: command not found\n", 23);
	event = (const Openshell__V1__ExecSandboxEvent *)got->messages[1];
	assert_int_equal(event->exit->exit_code, 127);
	got_free(got);
}

/* ---- others go away ---- */

static void
relay_goes(void **unused)
{
	Openshell__V1__ExecSandboxRequest request = OPENSHELL__V1__EXEC_SANDBOX_REQUEST__INIT;
	struct got *got = exec_ask(&request, 2);
	struct actor before;

	(void)unused;
	exec_started();
	heard_free(actor_hear(&relay, STREAM_GRANT));
	before = relay;
	actor_done(&relay);
	got_ended(got, 14, "relay");
	got_free(got);
	got = exec_ask(&request, 2);
	got_ended(got, 14, "relay");
	got_free(got);
	relay = before;
	actor_restart(&relay, ROLE_RELAY, "relay");
}

static void
state_goes(void **unused)
{
	Openshell__V1__WatchSandboxRequest request = OPENSHELL__V1__WATCH_SANDBOX_REQUEST__INIT;
	Openshell__V1__GetSandboxRequest get = OPENSHELL__V1__GET_SANDBOX_REQUEST__INIT;
	Openshell__V1__HealthRequest health = OPENSHELL__V1__HEALTH_REQUEST__INIT;
	struct actor before;
	struct got *watching, *asking, *got;
	uint64_t number;

	(void)unused;
	get.name = (char *)"demo";
	watching = watch(&request, &number, 2);
	UNTIL(loop, watching->n == 1);
	asking = call(OPENSHELL "GetSandbox", &get.base, &openshell__v1__sandbox_response__descriptor);
	heard_free(actor_hear(&state, SANDBOX_GET));
	before = state;
	actor_done(&state);
	got_ended(watching, 14, "state");
	got_ended(asking, 14, NULL);
	got_free(watching);
	got_free(asking);
	call_fails(OPENSHELL "GetSandbox", &get.base, &openshell__v1__sandbox_response__descriptor, 14,
	    "state process is away");
	got = call(OPENSHELL "Health", &health.base, &openshell__v1__health_response__descriptor);
	got_ended(got, 0, NULL);
	assert_int_equal(((Openshell__V1__HealthResponse *)got->messages[0])->status, 2);
	got_free(got);
	state = before;
	actor_restart(&state, ROLE_STATE, "state");
	until_healthy();
	by_name(NULL);
}

/* The process ends: a watch is told so. */
static void
watch_ends_with_us(void **unused)
{
	Openshell__V1__WatchSandboxRequest request = OPENSHELL__V1__WATCH_SANDBOX_REQUEST__INIT;
	struct got *got;
	uint64_t number;

	(void)unused;
	got = watch(&request, &number, 2);
	UNTIL(loop, got->n == 1);
	child_kill(&daemon_.child, SIGTERM);
	got_ended(got, 14, "the gateway is stopping");
	got_free(got);
}

/* Without a certificate or leave, only Health answers. */
static int
setup_closed(void **unused)
{
	(void)unused;
	house_open("tls: false\n");
	return 0;
}

static void
nobody_comes_in(void **unused)
{
	Openshell__V1__GetSandboxRequest get = OPENSHELL__V1__GET_SANDBOX_REQUEST__INIT;
	Openshell__V1__ListProvidersRequest providers = OPENSHELL__V1__LIST_PROVIDERS_REQUEST__INIT;
	Openshell__V1__HealthRequest health = OPENSHELL__V1__HEALTH_REQUEST__INIT;

	(void)unused;
	get.name = (char *)"demo";
	call_fails(OPENSHELL "GetSandbox", &get.base, &openshell__v1__sandbox_response__descriptor, 16,
	    "missing authorization header");
	call_fails(OPENSHELL "ListProviders", &providers.base, &openshell__v1__list_providers_response__descriptor, 16,
	    "missing authorization header");
	call_fails(OPENSHELL "Health", &health.base, &openshell__v1__health_response__descriptor, 0, NULL);
	assert_null(actor_heard(&state, SANDBOX_GET));
}

static void
file_write(const char *name, const char *text)
{
	char path[128];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	file = fopen(path, "we");
	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

/* TLS with client certificates: the files are read before the jail, from anywhere. */
static int
setup_tls(void **unused)
{
	char settings[512];

	(void)unused;
	pki_make(&pki);
	directory_make(directory);
	file_write("tls.crt", pki.server);
	file_write("tls.key", pki.server_key);
	file_write("ca.crt", pki.ca);
	snprintf(settings, sizeof(settings), "tls_cert: %s/tls.crt\ntls_key: %s/tls.key\ntls_client_ca: %s/ca.crt\n",
	    directory, directory, directory);
	house_open(settings);
	return 0;
}

static int
teardown_tls(void **unused)
{
	house_close();
	pki_free(&pki);
	(void)unused;
	return 0;
}

/* The certificate says who it is, and that it may do nothing here. */
static void
certificate_is_the_caller(void **unused)
{
	Openshell__V1__GetCurrentUserRequest user = OPENSHELL__V1__GET_CURRENT_USER_REQUEST__INIT;
	Openshell__V1__GetSandboxRequest get = OPENSHELL__V1__GET_SANDBOX_REQUEST__INIT;
	struct got *got = call(OPENSHELL "GetCurrentUser", &user.base,
	    &openshell__v1__get_current_user_response__descriptor);
	const Openshell__V1__GetCurrentUserResponse *who;

	(void)unused;
	got_ended(got, 0, NULL);
	who = (const Openshell__V1__GetCurrentUserResponse *)got->messages[0];
	assert_string_equal(who->subject, "tester");
	assert_string_equal(who->identity_provider, "mtls");
	assert_int_equal(who->n_roles, 2);
	got_free(got);
	get.name = (char *)"demo";
	call_fails(OPENSHELL "GetSandbox", &get.base, &openshell__v1__sandbox_response__descriptor, 7,
	    "role 'openshell-user' required");
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest open[] = {
	    cmocka_unit_test(health_and_user),
	    cmocka_unit_test(gateway_info),
	    cmocka_unit_test(create_completes),
	    cmocka_unit_test(create_names),
	    cmocka_unit_test(create_refuses),
	    cmocka_unit_test(by_name),
	    cmocka_unit_test(list_goes_on),
	    cmocka_unit_test(logs_and_config),
	    cmocka_unit_test(not_there_yet),
	    cmocka_unit_test(caller_gives_up),
	    cmocka_unit_test(watch_follows),
	    cmocka_unit_test(watch_stops_at_ready),
	    cmocka_unit_test(watch_slow_reader),
	    cmocka_unit_test(exec_refuses),
	    cmocka_unit_test(exec_by_name),
	    cmocka_unit_test(exec_runs),
	    cmocka_unit_test(exec_back_pressure),
	    cmocka_unit_test(exec_caller_goes),
	    cmocka_unit_test(exec_waits_for_session),
	    cmocka_unit_test(exec_not_found),
	    cmocka_unit_test(relay_goes),
	    cmocka_unit_test(state_goes),
	    cmocka_unit_test(watch_ends_with_us), /* last */
	};
	const struct CMUnitTest closed[] = {
	    cmocka_unit_test(nobody_comes_in),
	};
	const struct CMUnitTest tls[] = {
	    cmocka_unit_test(certificate_is_the_caller),
	};
	int failed;

	assert(argc == 2);
	program = argv[1];
	signal(SIGPIPE, SIG_IGN);
	failed = cmocka_run_group_tests_name("open", open, setup, teardown);
	failed += cmocka_run_group_tests_name("closed", closed, setup_closed, teardown);
	return failed + cmocka_run_group_tests_name("tls", tls, setup_tls, teardown_tls);
}
