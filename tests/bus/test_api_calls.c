/* api: calls of one answer. */
#include "tests/unit/test.h"

#include <assert.h>
#include <signal.h>

#include "tests/bus/api_stage.h"

static void
gateway_info(void **unused)
{
	Openshell__V1__GetGatewayInfoRequest request = OPENSHELL__V1__GET_GATEWAY_INFO_REQUEST__INIT;
	struct msg_driver_info drivers[] = {{SPAN("local"), SPAN("0.1.0"), true}};
	const struct msg answer = {.id = GATEWAY, .gateway = {drivers, 1, true}};
	struct got *got =
	    call(OPENSHELL "GetGatewayInfo", &request.base, &openshell__v1__get_gateway_info_response__descriptor);
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
	char *relative[] = {(char *)"etc"}, *providers[] = {(char *)"git/hub"};
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
	got_ended(got, 9, "provider 'git/hub' not found");
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
	call_fails(
	    OPENSHELL "GetSandbox", &get.base, &openshell__v1__sandbox_response__descriptor, 3, "name is required");
	get.name = (char *)"much-too-long-for-a-name";
	call_fails(
	    OPENSHELL "GetSandbox", &get.base, &openshell__v1__sandbox_response__descriptor, 5, "sandbox not found");
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
	Openshell__Sandbox__V1__GetSandboxConfigRequest config =
	    OPENSHELL__SANDBOX__V1__GET_SANDBOX_CONFIG_REQUEST__INIT;
	struct span fields[] = {SPAN("pid=1")};
	struct msg_log_line lines[] = {{5, SPAN("gateway"), SPAN("INFO"), SPAN("state"), SPAN("hello"), fields, 1}};
	const struct msg answer = {.id = LOGS, .logs = {lines, 1, 17}};
	const struct msg in_force = {.id = CONFIG,
	    .config = {.workspace = SPAN("default"),
		.policy = SPAN("\x08\x01"),
		.version = 3,
		.hash = SPAN("0123456789abcdef0123456789abcdef"),
		.config_revision = 9}};
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
	Openshell__V1__ListWorkspaceMembersRequest request = OPENSHELL__V1__LIST_WORKSPACE_MEMBERS_REQUEST__INIT;

	(void)unused;
	call_fails(OPENSHELL "ListWorkspaceMembers", &request.base,
	    &openshell__v1__list_workspace_members_response__descriptor, 12, "ListWorkspaceMembers");
	call_fails(OPENSHELL "NoSuchMethod", &request.base, &openshell__v1__list_workspace_members_response__descriptor,
	    12, "NoSuchMethod");
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

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
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
	};

	assert(argc == 2);
	program = argv[1];
	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, setup, teardown);
}
