/* api's configuration calls: what is asked of state, what is refused before, and what is tried again. */
#include "tests/unit/test.h"

#include <assert.h>
#include <signal.h>

#include "common/base/clean.h"
#include "common/wire/protobuf.h"
#include "tests/bus/api_stage.h"

static const struct span hash = {"0123456789abcdef0123456789abcdef", 32};
static char *const one_path[] = {(char *)"/usr"}, *const two_paths[] = {(char *)"/usr", (char *)"/opt"};

/* ---- policies ---- */

static Openshell__Sandbox__V1__FilesystemPolicy files;
static Openshell__Sandbox__V1__ProcessPolicy process;

static Openshell__Sandbox__V1__SandboxPolicy
policy_with(char *const *paths, size_t n)
{
	Openshell__Sandbox__V1__SandboxPolicy policy = OPENSHELL__SANDBOX__V1__SANDBOX_POLICY__INIT;

	openshell__sandbox__v1__filesystem_policy__init(&files);
	openshell__sandbox__v1__process_policy__init(&process);
	files.n_read_only = n;
	files.read_only = (char **)(uintptr_t)paths;
	process.run_as_user = process.run_as_group = (char *)"sandbox";
	policy.has_version = 1;
	policy.version = 1;
	policy.filesystem = &files;
	policy.process = &process;
	return policy;
}

/* What is in force: one path, revision 4. */
static struct msg
in_force(struct arena *arena)
{
	Openshell__Sandbox__V1__SandboxPolicy policy = policy_with(one_path, 1);
	struct msg m = {.id = CONFIG,
	    .config = {.workspace = SPAN("default"),
		.version = 4,
		.hash = hash,
		.sandbox = sandbox,
		.resource_version = 17,
		.settings_revision = 2}};
	struct why why;

	assert_int_equal(protobuf_write(&policy.base, arena, &m.config.policy, &why), OK);
	return m;
}

static struct msg
changed(uint32_t version)
{
	return (struct msg){.id = CONFIG_CHANGED, .config_changed = {version, hash, 3, false}};
}

static Openshell__V1__UpdateConfigRequest
update(Openshell__Sandbox__V1__SandboxPolicy *policy)
{
	Openshell__V1__UpdateConfigRequest request = OPENSHELL__V1__UPDATE_CONFIG_REQUEST__INIT;

	request.name = (char *)"demo";
	request.policy = policy;
	return request;
}

static void
refused(const Openshell__V1__UpdateConfigRequest *request, int code, const char *words)
{
	call_fails(
	    OPENSHELL "UpdateConfig", &request->base, &openshell__v1__update_config_response__descriptor, code, words);
	assert_null(actor_heard(&state, CONFIG_GET));
	assert_null(actor_heard(&state, POLICY_SET));
	assert_null(actor_heard(&state, SETTING_SET));
}

static struct got *
begin(const Openshell__V1__UpdateConfigRequest *request)
{
	return call(OPENSHELL "UpdateConfig", &request->base, &openshell__v1__update_config_response__descriptor);
}

/* ---- a policy ---- */

static void
a_policy_is_put_in_force(void **unused)
{
	auto_arena struct arena arena = {0};
	Openshell__Sandbox__V1__SandboxPolicy policy = policy_with(two_paths, 2);
	Openshell__V1__UpdateConfigRequest__AnnotationsEntry
	    note = OPENSHELL__V1__UPDATE_CONFIG_REQUEST__ANNOTATIONS_ENTRY__INIT,
	    *notes[] = {&note};
	Openshell__V1__UpdateConfigRequest request = update(&policy);
	const Openshell__V1__UpdateConfigResponse *response;
	struct msg force = in_force(&arena), answer = changed(5);
	struct heard *asked;
	struct got *got;

	(void)unused;
	policy = policy_with(two_paths, 2);
	note.key = (char *)"ticket";
	note.value = (char *)"42";
	request.n_annotations = 1;
	request.annotations = notes;
	got = begin(&request);
	asked = actor_hear(&state, CONFIG_GET);
	assert_true(span_is(asked->msg.config_get.name, "demo"));
	assert_true(span_is(asked->msg.config_get.workspace, "default"));
	reply_send(&asked->reply, &force);
	heard_free(asked);
	asked = actor_hear(&state, POLICY_SET);
	assert_true(span_is(asked->msg.policy_set.name, "demo"));
	assert_int_equal(asked->msg.policy_set.base, 4);
	assert_false(asked->msg.policy_set.merged);
	assert_true(asked->msg.policy_set.policy.length > 0);
	assert_int_equal(asked->msg.policy_set.annotations_n, 1);
	assert_true(span_is(asked->msg.policy_set.annotations[0], "ticket=42"));
	assert_true(span_is(asked->msg.policy_set.subject, "unauthenticated-local-dev"));
	reply_send(&asked->reply, &answer);
	heard_free(asked);
	got_ended(got, 0, NULL);
	response = (const Openshell__V1__UpdateConfigResponse *)got->messages[0];
	assert_int_equal(response->version, 5);
	assert_int_equal(strlen(response->policy_hash), 64);
	assert_int_equal(response->n_annotations, 1);
	assert_string_equal(response->annotations[0]->value, "42");
	got_free(got);
}

/* Others write meanwhile: it is looked at anew, five times at most. */
static void
a_race_is_run_again(void **unused)
{
	auto_arena struct arena arena = {0};
	Openshell__Sandbox__V1__SandboxPolicy policy = policy_with(two_paths, 2);
	Openshell__V1__UpdateConfigRequest request = update(&policy);
	struct msg force = in_force(&arena), answer = changed(9);
	struct got *got;

	(void)unused;
	policy = policy_with(two_paths, 2);
	got = begin(&request);
	for (uint32_t i = 0; i < 4; i++) {
		force.config.version = 4 + i;
		actor_answer(&state, CONFIG_GET, &force);
		actor_refuse(&state, POLICY_SET, ERR_CONFLICT, "another is in force by now");
	}
	actor_answer(&state, CONFIG_GET, &force);
	actor_answer(&state, POLICY_SET, &answer);
	got_ended(got, 0, NULL);
	got_free(got);
	got = begin(&request);
	for (uint32_t i = 0; i < 5; i++) {
		actor_answer(&state, CONFIG_GET, &force);
		actor_refuse(&state, POLICY_SET, ERR_CONFLICT, "another is in force by now");
	}
	got_ended(got, 10, "by now");
	got_free(got);
	assert_null(actor_heard(&state, CONFIG_GET));
}

/* What state tells about the sandbox decides, before anything is written. */
static void
what_is_in_force_may_forbid_it(void **unused)
{
	auto_arena struct arena arena = {0};
	Openshell__Sandbox__V1__SandboxPolicy policy = policy_with(two_paths, 2), less = policy_with(NULL, 0);
	Openshell__V1__UpdateConfigRequest request = update(&policy);
	struct msg force = in_force(&arena);
	struct got *got;

	(void)unused;
	policy = policy_with(two_paths, 2);
	force.config.global_version = 1;
	got = begin(&request);
	actor_answer(&state, CONFIG_GET, &force);
	got_ended(got, 9, "policy is managed globally");
	got_free(got);
	force.config.global_version = 0;
	request.has_expected_resource_version = 1;
	request.expected_resource_version = 16;
	got = begin(&request);
	actor_answer(&state, CONFIG_GET, &force);
	got_ended(got, 10, "current resource_version: 17");
	got_free(got);
	request.has_expected_resource_version = request.expected_resource_version = 0;
	less = policy_with(NULL, 0); /* /usr would go */
	request.policy = &less;
	got = begin(&request);
	actor_answer(&state, CONFIG_GET, &force);
	got_ended(got, 3, "filesystem");
	got_free(got);
	got = begin(&request);
	actor_refuse(&state, CONFIG_GET, ERR_NOT_FOUND, "nobody");
	got_ended(got, 5, "sandbox not found");
	got_free(got);
	assert_null(actor_heard(&state, POLICY_SET));
}

static void
a_policy_that_may_not_be_is_not_stored(void **unused)
{
	auto_arena struct arena arena = {0};
	char *paths[] = {(char *)"relative"};
	Openshell__Sandbox__V1__SandboxPolicy policy = policy_with(paths, 1);
	Openshell__V1__UpdateConfigRequest request = update(&policy);
	struct msg force = in_force(&arena);
	struct got *got;

	(void)unused;
	policy = policy_with(paths, 1);
	got = begin(&request);
	actor_answer(&state, CONFIG_GET, &force);
	got_ended(got, 3, "relative");
	got_free(got);
	request.name = NULL;
	request.has_global = request.global = 1;
	refused(&request, 3, "relative");
}

static void
the_global_policy(void **unused)
{
	Openshell__Sandbox__V1__SandboxPolicy policy = policy_with(two_paths, 2);
	Openshell__V1__UpdateConfigRequest request = update(&policy);
	struct msg answer = changed(1), gone = {.id = CONFIG_CHANGED, .config_changed = {.removed = true}};
	struct heard *asked;
	struct got *got;

	(void)unused;
	request.has_global = request.global = 1;
	refused(&request, 3, "name: must be empty with global");
	request.name = NULL;
	got = begin(&request);
	asked = actor_hear(&state, POLICY_SET);
	assert_int_equal(asked->msg.policy_set.name.length, 0);
	assert_int_equal(asked->msg.policy_set.workspace.length, 0);
	assert_int_equal(asked->msg.policy_set.base, 0);
	reply_send(&asked->reply, &answer);
	heard_free(asked);
	got_ended(got, 0, NULL);
	assert_int_equal(((const Openshell__V1__UpdateConfigResponse *)got->messages[0])->version, 1);
	got_free(got);
	request.policy = NULL;
	request.setting_key = (char *)"policy";
	refused(&request, 3, "'policy' is reserved");
	request.has_delete_setting = request.delete_setting = 1;
	got = begin(&request);
	actor_answer(&state, POLICY_CLEAR, &gone);
	got_ended(got, 0, NULL);
	assert_true(((const Openshell__V1__UpdateConfigResponse *)got->messages[0])->deleted);
	got_free(got);
}

/* ---- parts of a policy ---- */

static void
operations_change_what_is_in_force(void **unused)
{
	auto_arena struct arena arena = {0};
	Openshell__Sandbox__V1__NetworkEndpoint endpoint = OPENSHELL__SANDBOX__V1__NETWORK_ENDPOINT__INIT,
						*endpoints[] = {&endpoint};
	Openshell__Sandbox__V1__NetworkBinary binary, *binaries[] = {&binary};
	Openshell__Sandbox__V1__NetworkPolicyRule rule = OPENSHELL__SANDBOX__V1__NETWORK_POLICY_RULE__INIT;
	Openshell__V1__AddNetworkRule add = OPENSHELL__V1__ADD_NETWORK_RULE__INIT;
	Openshell__V1__PolicyMergeOperation operation = OPENSHELL__V1__POLICY_MERGE_OPERATION__INIT,
					    *operations[] = {&operation};
	Openshell__V1__UpdateConfigRequest request = update(NULL);
	Openshell__Sandbox__V1__SandboxPolicy__NetworkPoliciesEntry layer, *layers[] = {&layer};
	Openshell__Sandbox__V1__SandboxPolicy composed;
	struct msg force = in_force(&arena), answer = changed(5);
	ProtobufCMessage *stored;
	struct heard *asked;
	struct why why;
	struct got *got;

	(void)unused;
	endpoint.host = (char *)"example.org";
	endpoint.has_port = 1;
	endpoint.port = 443;
	openshell__sandbox__v1__network_binary__init(&binary); /* its initialiser names what is deprecated */
	binary.path = (char *)"/usr/bin/curl";
	rule.n_endpoints = rule.n_binaries = 1;
	rule.endpoints = endpoints;
	rule.binaries = binaries;
	add.rule_name = (char *)"web";
	add.rule = &rule;
	operation.operation_case = OPENSHELL__V1__POLICY_MERGE_OPERATION__OPERATION_ADD_RULE;
	operation.add_rule = &add;
	request.n_merge_operations = 1;
	request.merge_operations = operations;
	openshell__sandbox__v1__sandbox_policy__network_policies_entry__init(&layer);
	layer.key = (char *)"_provider_hub"; /* what a provider adds is in force, and never stored */
	layer.value = &rule;
	composed = policy_with(one_path, 1);
	composed.n_network_policies = 1;
	composed.network_policies = layers;
	assert_int_equal(protobuf_write(&composed.base, &arena, &force.config.policy, &why), OK);
	got = begin(&request);
	actor_answer(&state, CONFIG_GET, &force);
	asked = actor_hear(&state, POLICY_SET);
	assert_true(asked->msg.policy_set.merged);
	assert_int_equal(protobuf_read(&openshell__sandbox__v1__sandbox_policy__descriptor,
			     asked->msg.policy_set.policy, &arena, &stored, &why),
	    OK);
	assert_int_equal(((Openshell__Sandbox__V1__SandboxPolicy *)stored)->n_network_policies, 1);
	assert_string_equal(((Openshell__Sandbox__V1__SandboxPolicy *)stored)->network_policies[0]->key, "web");
	reply_send(&asked->reply, &answer);
	heard_free(asked);
	got_ended(got, 0, NULL);
	got_free(got);

	add.rule_name = (char *)"_provider_web"; /* vector 334 */
	got = begin(&request);
	actor_answer(&state, CONFIG_GET, &force);
	got_ended(got, 3, "_provider_");
	got_free(got);
	add.rule_name = (char *)"web";
	endpoint.host = (char *)"localhost"; /* vector 333 */
	got = begin(&request);
	actor_answer(&state, CONFIG_GET, &force);
	got_ended(got, 3, "localhost");
	got_free(got);
	request.name = NULL;
	request.has_global = request.global = 1;
	refused(&request, 3, "merge_operations");
}

/* ---- settings ---- */

static void
settings_are_set_and_removed(void **unused)
{
	Openshell__Sandbox__V1__SettingValue value = OPENSHELL__SANDBOX__V1__SETTING_VALUE__INIT;
	Openshell__V1__UpdateConfigRequest request = update(NULL);
	struct msg answer = changed(0);
	struct heard *asked;
	struct got *got;

	(void)unused;
	request.setting_key = (char *)"ocsf_json_enabled";
	refused(&request, 3, "setting_value is required");
	value.value_case = OPENSHELL__SANDBOX__V1__SETTING_VALUE__VALUE_BOOL_VALUE;
	value.bool_value = 1;
	request.setting_value = &value;
	got = begin(&request);
	asked = actor_hear(&state, SETTING_SET);
	assert_true(span_is(asked->msg.setting_set.name, "demo"));
	assert_true(span_is(asked->msg.setting_set.key, "ocsf_json_enabled"));
	assert_true(span_is(asked->msg.setting_set.value, "true"));
	assert_false(asked->msg.setting_set.remove);
	reply_send(&asked->reply, &answer);
	heard_free(asked);
	got_ended(got, 0, NULL);
	assert_int_equal(((const Openshell__V1__UpdateConfigResponse *)got->messages[0])->settings_revision, 3);
	got_free(got);
	got = begin(&request);
	actor_refuse(&state, SETTING_SET, ERR_STATE, "setting 'ocsf_json_enabled' is managed globally");
	got_ended(got, 9, "is managed globally");
	got_free(got);
	request.has_delete_setting = request.delete_setting = 1;
	refused(&request, 3, "cannot be given together");
	request.setting_value = NULL;
	request.name = NULL;
	request.has_global = request.global = 1;
	got = begin(&request);
	asked = actor_hear(&state, SETTING_SET);
	assert_true(asked->msg.setting_set.remove);
	assert_int_equal(asked->msg.setting_set.name.length, 0);
	reply_send(&asked->reply, &answer);
	heard_free(asked);
	got_ended(got, 0, NULL);
	got_free(got);
}

static void
exactly_one_thing_at_a_time(void **unused)
{
	Openshell__Sandbox__V1__SandboxPolicy policy = policy_with(one_path, 1);
	Openshell__V1__UpdateConfigRequest request = update(NULL);

	(void)unused;
	refused(&request, 3, "exactly one of policy, setting_key and merge_operations");
	request.policy = &policy;
	request.setting_key = (char *)"ocsf_json_enabled";
	refused(&request, 3, "exactly one of");
	request.setting_key = NULL;
	request.has_delete_setting = request.delete_setting = 1;
	refused(&request, 3, "setting_key is required");
	request.has_delete_setting = request.delete_setting = 0;
	request.name = (char *)"";
	refused(&request, 3, "name is required");
	request.name = (char *)"No-Such-Name";
	refused(&request, 5, "sandbox not found");
	request.name = NULL;
	request.has_global = request.global = 1;
	request.has_expected_resource_version = request.expected_resource_version = 1;
	refused(&request, 3, "expected_resource_version");
	request = update(NULL);
	request.setting_key = (char *)"no_such_key";
	refused(&request, 3, "unknown setting 'no_such_key'; there are agent_policy_proposals_enabled");
}

/* ---- reading ---- */

static void
a_revision_is_shown(void **unused)
{
	Openshell__V1__GetSandboxPolicyStatusRequest request = OPENSHELL__V1__GET_SANDBOX_POLICY_STATUS_REQUEST__INIT;
	struct span notes[] = {SPAN("ticket=42")};
	struct msg_policy_revision revision = {.version = 5,
	    .hash = hash,
	    .status = 3,
	    .error = SPAN("no"),
	    .created_ms = 7,
	    .policy = SPAN("\x08\x01"),
	    .annotations = notes,
	    .annotations_n = 1};
	const struct msg answer = {.id = POLICIES, .policies = {&revision, 1, 4}};
	const Openshell__V1__GetSandboxPolicyStatusResponse *response;
	struct heard *asked;
	struct got *got;

	(void)unused;
	call_fails(OPENSHELL "GetSandboxPolicyStatus", &request.base,
	    &openshell__v1__get_sandbox_policy_status_response__descriptor, 3, "name is required");
	request.name = (char *)"demo";
	request.has_version = 1;
	request.version = 5;
	got = call(OPENSHELL "GetSandboxPolicyStatus", &request.base,
	    &openshell__v1__get_sandbox_policy_status_response__descriptor);
	asked = actor_hear(&state, POLICIES_GET);
	assert_true(asked->msg.policies_get.one);
	assert_int_equal(asked->msg.policies_get.version, 5);
	reply_send(&asked->reply, &answer);
	heard_free(asked);
	got_ended(got, 0, NULL);
	response = (const Openshell__V1__GetSandboxPolicyStatusResponse *)got->messages[0];
	assert_int_equal(response->active_version, 4);
	assert_int_equal(response->revision->version, 5);
	assert_int_equal(response->revision->status, OPENSHELL__V1__POLICY_STATUS__POLICY_STATUS_FAILED);
	assert_string_equal(response->revision->load_error, "no");
	assert_int_equal(strlen(response->revision->policy_hash), 64);
	assert_int_equal(response->revision->policy->version, 1);
	assert_string_equal(response->revision->provenance[0]->value, "42");
	got_free(got);
}

static void
a_history_is_listed(void **unused)
{
	Openshell__V1__ListSandboxPoliciesRequest request = OPENSHELL__V1__LIST_SANDBOX_POLICIES_REQUEST__INIT;
	struct msg_policy_revision revisions[] = {
	    {.version = 2, .hash = hash, .status = 2, .created_ms = 1700000000123},
	    {.version = 1, .hash = hash, .status = 4}};
	const struct msg answer = {.id = POLICIES, .policies = {revisions, 2, 2}};
	const Openshell__V1__ListSandboxPoliciesResponse *response;
	struct heard *asked;
	struct got *got;

	(void)unused;
	request.has_global = request.global = 1;
	got = call(
	    OPENSHELL "ListSandboxPolicies", &request.base, &openshell__v1__list_sandbox_policies_response__descriptor);
	asked = actor_hear(&state, POLICIES_GET);
	assert_int_equal(asked->msg.policies_get.name.length, 0);
	assert_int_equal(asked->msg.policies_get.limit, 50);
	reply_send(&asked->reply, &answer);
	heard_free(asked);
	got_ended(got, 0, NULL);
	response = (const Openshell__V1__ListSandboxPoliciesResponse *)got->messages[0];
	assert_int_equal(response->n_revisions, 2);
	assert_null(response->next_page_token);
	assert_int_equal(response->revisions[0]->created_time->seconds, 1700000000);
	assert_null(response->revisions[1]->loaded_time);
	assert_int_equal(response->revisions[1]->status, OPENSHELL__V1__POLICY_STATUS__POLICY_STATUS_SUPERSEDED);
	got_free(got);
}

/* Every key is told; what is set has a value, and whose it is. */
static void
settings_are_shown(void **unused)
{
	auto_arena struct arena arena = {0};
	Openshell__Sandbox__V1__GetSandboxConfigRequest request =
	    OPENSHELL__SANDBOX__V1__GET_SANDBOX_CONFIG_REQUEST__INIT;
	Openshell__Sandbox__V1__GetGatewayConfigRequest all = OPENSHELL__SANDBOX__V1__GET_GATEWAY_CONFIG_REQUEST__INIT;
	struct span set[] = {SPAN("ocsf_json_enabled=true"), SPAN("proposal_approval_mode=auto")},
		    managed[] = {SPAN("ocsf_json_enabled")};
	const Openshell__Sandbox__V1__GetSandboxConfigResponse *config;
	const Openshell__Sandbox__V1__GetGatewayConfigResponse *gateway;
	struct msg force = in_force(&arena);
	struct heard *asked;
	struct got *got;

	(void)unused;
	force.config.settings = set;
	force.config.settings_n = 2;
	force.config.managed = managed;
	force.config.managed_n = 1;
	force.config.global_version = 6;
	request.sandbox_id = id_text(sandbox);
	got = call(OPENSHELL "GetSandboxConfig", &request.base,
	    &openshell__sandbox__v1__get_sandbox_config_response__descriptor);
	actor_answer(&state, CONFIG_GET, &force);
	got_ended(got, 0, NULL);
	config = (const Openshell__Sandbox__V1__GetSandboxConfigResponse *)got->messages[0];
	assert_int_equal(config->policy_source, OPENSHELL__SANDBOX__V1__POLICY_SOURCE__POLICY_SOURCE_GLOBAL);
	assert_int_equal(config->global_policy_version, 6);
	assert_int_equal(config->n_settings, 4);
	assert_null(config->settings[0]->value->value);
	assert_string_equal(config->settings[1]->key, "ocsf_json_enabled");
	assert_true(config->settings[1]->value->value->bool_value);
	assert_int_equal(
	    config->settings[1]->value->scope, OPENSHELL__SANDBOX__V1__SETTING_SCOPE__SETTING_SCOPE_GLOBAL);
	assert_string_equal(config->settings[2]->value->value->string_value, "auto");
	assert_int_equal(
	    config->settings[2]->value->scope, OPENSHELL__SANDBOX__V1__SETTING_SCOPE__SETTING_SCOPE_SANDBOX);
	got_free(got);
	request.sandbox_id = (char *)"demo"; /* as clients from 0.1 on ask */
	got = call(OPENSHELL "GetSandboxConfig", &request.base,
	    &openshell__sandbox__v1__get_sandbox_config_response__descriptor);
	asked = actor_hear(&state, CONFIG_GET);
	assert_true(span_is(asked->msg.config_get.name, "demo"));
	assert_true(span_is(asked->msg.config_get.workspace, "default"));
	reply_send(&asked->reply, &force);
	heard_free(asked);
	got_ended(got, 0, NULL);
	got_free(got);
	request.sandbox_id = (char *)"No-Name";
	call_fails(OPENSHELL "GetSandboxConfig", &request.base,
	    &openshell__sandbox__v1__get_sandbox_config_response__descriptor, 5, "sandbox not found");
	got = call(
	    OPENSHELL "GetGatewayConfig", &all.base, &openshell__sandbox__v1__get_gateway_config_response__descriptor);
	actor_answer(&state, CONFIG_GET, &force);
	got_ended(got, 0, NULL);
	gateway = (const Openshell__Sandbox__V1__GetGatewayConfigResponse *)got->messages[0];
	assert_int_equal(gateway->settings_revision, 2);
	assert_int_equal(gateway->n_settings, 4);
	got_free(got);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_policy_is_put_in_force),
	    cmocka_unit_test(a_race_is_run_again),
	    cmocka_unit_test(what_is_in_force_may_forbid_it),
	    cmocka_unit_test(a_policy_that_may_not_be_is_not_stored),
	    cmocka_unit_test(the_global_policy),
	    cmocka_unit_test(operations_change_what_is_in_force),
	    cmocka_unit_test(settings_are_set_and_removed),
	    cmocka_unit_test(exactly_one_thing_at_a_time),
	    cmocka_unit_test(a_revision_is_shown),
	    cmocka_unit_test(a_history_is_listed),
	    cmocka_unit_test(settings_are_shown),
	};

	assert(argc == 2);
	program = argv[1];
	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, setup, teardown);
}
