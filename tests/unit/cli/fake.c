/* A gateway for tests. */
#include "tests/unit/cli/fake.h"

#include <arpa/inet.h>
#include <jansson.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clients/cli/message_json.h"
#include "common/rpc/server.h"
#include "openshell/openshell.pb-c.h"
#include "openshell/sandbox.pb-c.h"
#include "tests/unit/cli/fake_doors.h"
#include "tests/unit/cli/fake_provider.h"

#define ID   "11111111-2222-4333-8444-555555555555"
#define HASH "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static struct fake_log *record;
static char looked_up[64]; /* the sandbox that GetSandbox asked for last */

static void
note(const char *text)
{
	size_t length = strlen(text);

	if (record->length + length < sizeof(record->text)) {
		memcpy(record->text + record->length, text, length + 1);
		record->length += length;
	}
}

void
fake_note_call(struct rpc_call *call, const ProtobufCMessage *message)
{
	json_t *json = message_json(message);
	char *text = json_dumps(json, JSON_COMPACT);

	note(strrchr(rpc_method(call)->path, '/') + 1);
	note(" ");
	note(text);
	note("\n");
	free(text);
	json_decref(json);
}

/* One sandbox, as the answers hold it. */
struct sample {
	Openshell__Datamodel__V1__ObjectMeta meta;
	Openshell__Datamodel__V1__ObjectMeta__LabelsEntry label, *labels[1];
	Openshell__V1__SandboxCondition ready, wall, *conditions[2];
	Openshell__V1__SandboxStatus status;
	Openshell__V1__Sandbox sandbox;
};

static void
sample_make(struct sample *s, const char *name, int phase)
{
	openshell__datamodel__v1__object_meta__init(&s->meta);
	openshell__datamodel__v1__object_meta__labels_entry__init(&s->label);
	openshell__v1__sandbox_condition__init(&s->ready);
	openshell__v1__sandbox_condition__init(&s->wall);
	openshell__v1__sandbox_status__init(&s->status);
	openshell__v1__sandbox__init(&s->sandbox);
	s->label.key = (char *)"team";
	s->label.value = (char *)"blue\x1b[31m";
	s->labels[0] = &s->label;
	s->meta.id = (char *)ID;
	s->meta.name = (char *)(uintptr_t)name;
	s->meta.workspace = (char *)"default";
	s->meta.labels = s->labels;
	s->meta.n_labels = 1;
	s->meta.has_created_at_ms = s->meta.has_resource_version = true;
	s->meta.created_at_ms = 1767323045000;
	s->meta.resource_version = 7;
	s->ready.type = (char *)"Ready";
	s->ready.status = (char *)(phase == 2 ? "True" : "False");
	s->ready.reason = (char *)(phase == 2 ? "DependenciesReady" : phase == 3 ? "WallAbsent" : "Starting");
	s->ready.message = (char *)(phase == 3 ? "no user namespaces\x1b[2J" : "");
	s->wall.type = (char *)"Wall.seccomp";
	s->wall.status = (char *)(strcmp(name, "weak") == 0 ? "False" : "True");
	s->wall.reason = (char *)(strcmp(name, "weak") == 0 ? "Partial" : "Enforced");
	s->wall.message = (char *)(strcmp(name, "weak") == 0 ? "an older kernel" : "");
	s->conditions[0] = &s->ready;
	s->conditions[1] = &s->wall;
	s->status.conditions = s->conditions;
	s->status.n_conditions = 2;
	s->status.has_phase = true;
	s->status.phase = (Openshell__V1__SandboxPhase)phase;
	s->sandbox.metadata = &s->meta;
	s->sandbox.status = &s->status;
}

void
fake_refuse(struct rpc_call *call, enum err r, const char *words)
{
	struct why why = {0};

	rpc_finish(call, fail(&why, r, "%s", words), &why);
}

static void
answer_sandbox(struct rpc_call *call, const char *name, int phase)
{
	Openshell__V1__SandboxResponse answer = OPENSHELL__V1__SANDBOX_RESPONSE__INIT;
	struct sample sample;

	if (strcmp(name, "missing") == 0) {
		fake_refuse(call, ERR_NOT_FOUND, "sandbox not found");
		return;
	}
	sample_make(&sample, name, phase);
	answer.sandbox = &sample.sandbox;
	rpc_send(call, &answer.base);
	rpc_finish(call, OK, NULL);
}

static void
on_health(void *self, struct rpc_call *call, const ProtobufCMessage *message)
{
	Openshell__V1__HealthResponse answer = OPENSHELL__V1__HEALTH_RESPONSE__INIT;

	(void)self;
	fake_note_call(call, message);
	answer.version = (char *)"9.9.9";
	rpc_send(call, &answer.base);
	rpc_finish(call, OK, NULL);
}

static void
on_who(void *self, struct rpc_call *call, const ProtobufCMessage *message)
{
	Openshell__V1__GetCurrentUserResponse answer = OPENSHELL__V1__GET_CURRENT_USER_RESPONSE__INIT;
	char *roles[] = {(char *)"openshell-user", (char *)"openshell-admin"};

	(void)self;
	fake_note_call(call, message);
	answer.subject = (char *)"dev";
	answer.roles = roles;
	answer.n_roles = 2;
	answer.identity_provider = (char *)"local";
	rpc_send(call, &answer.base);
	rpc_finish(call, OK, NULL);
}

static void
on_info(void *self, struct rpc_call *call, const ProtobufCMessage *message)
{
	Openshell__V1__GetGatewayInfoResponse answer = OPENSHELL__V1__GET_GATEWAY_INFO_RESPONSE__INIT;
	Openshell__V1__ComputeDriverInfo driver = OPENSHELL__V1__COMPUTE_DRIVER_INFO__INIT, *drivers[] = {&driver};
	Openshell__V1__ComputeDriverCapabilities can = OPENSHELL__V1__COMPUTE_DRIVER_CAPABILITIES__INIT;

	(void)self;
	fake_note_call(call, message);
	answer.has_status = true;
	answer.status = OPENSHELL__V1__SERVICE_STATUS__SERVICE_STATUS_HEALTHY;
	answer.gateway_version = (char *)"9.9.9";
	can.driver_name = (char *)"local";
	can.driver_version = (char *)"1.2";
	driver.name = (char *)"here";
	driver.capabilities = &can;
	answer.compute_drivers = drivers;
	answer.n_compute_drivers = 1;
	rpc_send(call, &answer.base);
	rpc_finish(call, OK, NULL);
}

static void
on_create(void *self, struct rpc_call *call, const ProtobufCMessage *message)
{
	const Openshell__V1__CreateSandboxRequest *in = (const Openshell__V1__CreateSandboxRequest *)message;
	const char *name = in->name == NULL || in->name[0] == '\0' ? "made-up" : in->name;

	(void)self;
	fake_note_call(call, message);
	if (strcmp(name, "taken") == 0)
		fake_refuse(call, ERR_EXISTS, "sandbox 'taken' already exists");
	else
		answer_sandbox(call, name, 1);
	snprintf(self, 64, "%s", name);
}

static void
on_get(void *self, struct rpc_call *call, const ProtobufCMessage *message)
{
	const Openshell__V1__GetSandboxRequest *in = (const Openshell__V1__GetSandboxRequest *)message;

	(void)self;
	fake_note_call(call, message);
	snprintf(looked_up, sizeof(looked_up), "%s", in->name);
	answer_sandbox(call, in->name,
	    strcmp(in->name, "starting") == 0 ? 1
	    : strcmp(in->name, "broken") == 0 ? 3
	    : strcmp(in->name, "asleep") == 0 ? OPENSHELL__V1__SANDBOX_PHASE__SANDBOX_PHASE_STOPPED
					      : 2);
}

static void
on_list(void *self, struct rpc_call *call, const ProtobufCMessage *message)
{
	const Openshell__V1__ListSandboxesRequest *in = (const Openshell__V1__ListSandboxesRequest *)message;
	Openshell__V1__ListSandboxesResponse answer = OPENSHELL__V1__LIST_SANDBOXES_RESPONSE__INIT;
	Openshell__V1__Sandbox *sandboxes[2];
	struct sample samples[2];

	(void)self;
	fake_note_call(call, message);
	sample_make(&samples[0], "demo", 2);
	sample_make(&samples[1], "longer-name", 7);
	sandboxes[0] = &samples[0].sandbox;
	sandboxes[1] = &samples[1].sandbox;
	answer.sandboxes = sandboxes;
	answer.n_sandboxes = in->label_selector != NULL && strcmp(in->label_selector, "none=here") == 0 ? 0 : 2;
	rpc_send(call, &answer.base);
	rpc_finish(call, OK, NULL);
}

static void
on_delete(void *self, struct rpc_call *call, const ProtobufCMessage *message)
{
	const Openshell__V1__DeleteSandboxRequest *in = (const Openshell__V1__DeleteSandboxRequest *)message;
	Openshell__V1__DeleteSandboxResponse answer = OPENSHELL__V1__DELETE_SANDBOX_RESPONSE__INIT;

	(void)self;
	fake_note_call(call, message);
	if (strcmp(in->name, "missing") == 0) {
		fake_refuse(call, ERR_NOT_FOUND, "sandbox not found");
		return;
	}
	answer.has_deleted = true;
	answer.deleted = strcmp(in->name, "gone") != 0;
	rpc_send(call, &answer.base);
	rpc_finish(call, OK, NULL);
}

static void
on_stop(void *self, struct rpc_call *call, const ProtobufCMessage *message)
{
	const Openshell__V1__StopSandboxRequest *in = (const Openshell__V1__StopSandboxRequest *)message;

	fake_note_call(call, message);
	snprintf(self, 64, "stop %s", in->name);
	answer_sandbox(call, in->name, strcmp(in->name, "at-once") == 0 ? 7 : 6);
}

static void
on_start(void *self, struct rpc_call *call, const ProtobufCMessage *message)
{
	const Openshell__V1__StartSandboxRequest *in = (const Openshell__V1__StartSandboxRequest *)message;

	fake_note_call(call, message);
	snprintf(self, 64, "%s", in->name);
	answer_sandbox(call, in->name, 8);
}

static void
on_config(void *self, struct rpc_call *call, const ProtobufCMessage *message)
{
	Openshell__Sandbox__V1__GetSandboxConfigResponse answer =
	    OPENSHELL__SANDBOX__V1__GET_SANDBOX_CONFIG_RESPONSE__INIT;
	Openshell__Sandbox__V1__SandboxPolicy policy = OPENSHELL__SANDBOX__V1__SANDBOX_POLICY__INIT;
	Openshell__Sandbox__V1__FilesystemPolicy files = OPENSHELL__SANDBOX__V1__FILESYSTEM_POLICY__INIT;
	Openshell__Sandbox__V1__GetSandboxConfigResponse__SettingsEntry
	    setting = OPENSHELL__SANDBOX__V1__GET_SANDBOX_CONFIG_RESPONSE__SETTINGS_ENTRY__INIT,
	    *settings[] = {&setting};
	Openshell__Sandbox__V1__EffectiveSetting effective = OPENSHELL__SANDBOX__V1__EFFECTIVE_SETTING__INIT;
	Openshell__Sandbox__V1__SettingValue on = OPENSHELL__SANDBOX__V1__SETTING_VALUE__INIT;
	char *paths[] = {(char *)"/usr", (char *)"/a b: c"};

	(void)self;
	fake_note_call(call, message);
	policy.has_version = files.has_include_workdir = answer.has_version = answer.has_policy_source = true;
	policy.version = 1;
	files.include_workdir = true;
	files.read_only = paths;
	files.n_read_only = 2;
	policy.filesystem = &files;
	answer.policy = &policy;
	answer.version = 4;
	answer.policy_hash = (char *)HASH;
	answer.policy_source = strcmp(looked_up, "managed") == 0
				   ? OPENSHELL__SANDBOX__V1__POLICY_SOURCE__POLICY_SOURCE_GLOBAL
				   : OPENSHELL__SANDBOX__V1__POLICY_SOURCE__POLICY_SOURCE_SANDBOX;
	setting.key = (char *)"ocsf_json_enabled";
	setting.value = &effective;
	effective.value = &on;
	effective.has_scope = on.bool_value = true;
	effective.scope = OPENSHELL__SANDBOX__V1__SETTING_SCOPE__SETTING_SCOPE_GLOBAL;
	on.value_case = OPENSHELL__SANDBOX__V1__SETTING_VALUE__VALUE_BOOL_VALUE;
	answer.settings = settings;
	answer.n_settings = 1;
	rpc_send(call, &answer.base);
	rpc_finish(call, OK, NULL);
}

static void
on_gateway_config(void *self, struct rpc_call *call, const ProtobufCMessage *message)
{
	Openshell__Sandbox__V1__GetGatewayConfigResponse answer =
	    OPENSHELL__SANDBOX__V1__GET_GATEWAY_CONFIG_RESPONSE__INIT;
	Openshell__Sandbox__V1__GetGatewayConfigResponse__SettingsEntry
	    setting = OPENSHELL__SANDBOX__V1__GET_GATEWAY_CONFIG_RESPONSE__SETTINGS_ENTRY__INIT,
	    *settings[] = {&setting};
	Openshell__Sandbox__V1__SettingValue mode = OPENSHELL__SANDBOX__V1__SETTING_VALUE__INIT;

	(void)self;
	fake_note_call(call, message);
	setting.key = (char *)"proposal_approval_mode";
	setting.value = &mode;
	mode.value_case = OPENSHELL__SANDBOX__V1__SETTING_VALUE__VALUE_STRING_VALUE;
	mode.string_value = (char *)"auto";
	answer.settings = settings;
	answer.n_settings = 1;
	answer.has_settings_revision = true;
	answer.settings_revision = 6;
	rpc_send(call, &answer.base);
	rpc_finish(call, OK, NULL);
}

static void
revision_make(Openshell__V1__SandboxPolicyRevision *to, uint32_t version, int status)
{
	openshell__v1__sandbox_policy_revision__init(to);
	to->has_version = to->has_status = to->has_created_at_ms = true;
	to->version = version;
	to->policy_hash = (char *)HASH;
	to->status = (Openshell__V1__PolicyStatus)status;
	to->created_at_ms = 1767323045000;
	to->load_error = (char *)(status == 3 ? "a bad glob" : "");
}

/* By name of the sandbox: fresh has no policy yet; of a new version stuck and asleep stay pending, slow is pending once, bad fails,
 * old is superseded, flaky is away once. */
static void
on_policy_status(void *self, struct rpc_call *call, const ProtobufCMessage *message)
{
	const Openshell__V1__GetSandboxPolicyStatusRequest *in =
	    (const Openshell__V1__GetSandboxPolicyStatusRequest *)message;
	Openshell__V1__GetSandboxPolicyStatusResponse answer = OPENSHELL__V1__GET_SANDBOX_POLICY_STATUS_RESPONSE__INIT;
	Openshell__V1__SandboxPolicyRevision revision;
	const char *name = in->name == NULL ? "" : in->name;
	static bool waited;
	bool away = strcmp(name, "flaky") == 0 && in->version > 3 && !waited;
	int status = 2;

	(void)self;
	fake_note_call(call, message);
	if (in->version > 3)
		status =
		    strcmp(name, "stuck") == 0 || strcmp(name, "asleep") == 0 || (strcmp(name, "slow") == 0 && !waited)
			? 1
		    : strcmp(name, "bad") == 0 ? 3
		    : strcmp(name, "old") == 0 ? 4
					       : 2;
	waited = in->version > 3;
	if (away) {
		fake_refuse(call, ERR_UNAVAILABLE, "state is away");
		return;
	}
	if (strcmp(name, "fresh") == 0 && in->version == 0) {
		fake_refuse(call, ERR_NOT_FOUND, "no policy");
		return;
	}
	revision_make(&revision, in->version == 0 ? 3 : in->version, status);
	answer.revision = &revision;
	answer.has_active_version = true;
	answer.active_version = 3;
	rpc_send(call, &answer.base);
	rpc_finish(call, OK, NULL);
}

static void
on_policies(void *self, struct rpc_call *call, const ProtobufCMessage *message)
{
	const Openshell__V1__ListSandboxPoliciesRequest *in =
	    (const Openshell__V1__ListSandboxPoliciesRequest *)message;
	Openshell__V1__ListSandboxPoliciesResponse answer = OPENSHELL__V1__LIST_SANDBOX_POLICIES_RESPONSE__INIT;
	Openshell__V1__SandboxPolicyRevision revisions[2], *list[] = {&revisions[0], &revisions[1]};

	(void)self;
	fake_note_call(call, message);
	revision_make(&revisions[0], 12, 3);
	revision_make(&revisions[1], 3, 2);
	answer.revisions = list;
	answer.n_revisions = in->name != NULL && strcmp(in->name, "fresh") == 0 ? 0 : 2;
	rpc_send(call, &answer.base);
	rpc_finish(call, OK, NULL);
}

static void
on_update(void *self, struct rpc_call *call, const ProtobufCMessage *message)
{
	const Openshell__V1__UpdateConfigRequest *in = (const Openshell__V1__UpdateConfigRequest *)message;
	Openshell__V1__UpdateConfigResponse answer = OPENSHELL__V1__UPDATE_CONFIG_RESPONSE__INIT;

	(void)self;
	fake_note_call(call, message);
	if (in->name != NULL && strcmp(in->name, "managed") == 0) {
		fake_refuse(call, ERR_STATE, "policy is managed globally");
		return;
	}
	answer.has_version = answer.has_deleted = true;
	answer.version = in->name != NULL && strcmp(in->name, "same") == 0 ? 3 : 5;
	answer.policy_hash = (char *)HASH;
	answer.deleted = in->setting_key != NULL && strcmp(in->setting_key, "providers_v2_enabled") != 0;
	rpc_send(call, &answer.base);
	rpc_finish(call, OK, NULL);
}

static void
log_make(Openshell__V1__SandboxLogLine *line, Openshell__V1__SandboxLogLine__FieldsEntry *fields,
    Openshell__V1__SandboxLogLine__FieldsEntry **list)
{
	openshell__v1__sandbox_log_line__init(line);
	openshell__v1__sandbox_log_line__fields_entry__init(&fields[0]);
	openshell__v1__sandbox_log_line__fields_entry__init(&fields[1]);
	fields[0].key = (char *)"zebra";
	fields[0].value = (char *)"1";
	fields[1].key = (char *)"ant";
	fields[1].value = (char *)"2";
	list[0] = &fields[0];
	list[1] = &fields[1];
	line->has_timestamp_ms = true;
	line->timestamp_ms = 1234567;
	line->level = (char *)"INFO";
	line->target = (char *)"supervisor";
	line->message = (char *)"walls\nup";
	line->source = (char *)"sandbox";
	line->fields = list;
	line->n_fields = 2;
}

static void
on_logs(void *self, struct rpc_call *call, const ProtobufCMessage *message)
{
	Openshell__V1__GetSandboxLogsResponse answer = OPENSHELL__V1__GET_SANDBOX_LOGS_RESPONSE__INIT;
	Openshell__V1__SandboxLogLine__FieldsEntry fields[2], *list[2];
	Openshell__V1__SandboxLogLine line, *lines[] = {&line};

	(void)self;
	fake_note_call(call, message);
	log_make(&line, fields, list);
	answer.logs = lines;
	answer.n_logs = 1;
	rpc_send(call, &answer.base);
	rpc_finish(call, OK, NULL);
}

static void
send_state(struct rpc_call *call, const char *name, int phase, int exit_code)
{
	Openshell__V1__SandboxStreamEvent event = OPENSHELL__V1__SANDBOX_STREAM_EVENT__INIT;
	struct sample sample;

	sample_make(&sample, name, phase);
	if (exit_code >= 0) {
		sample.ready.reason = (char *)"MainProcessExited";
		sample.status.has_exit_code = true;
		sample.status.exit_code = exit_code;
	}
	event.payload_case = OPENSHELL__V1__SANDBOX_STREAM_EVENT__PAYLOAD_SANDBOX;
	event.sandbox = &sample.sandbox;
	rpc_send(call, &event.base);
}

static void
send_log(struct rpc_call *call)
{
	Openshell__V1__SandboxStreamEvent event = OPENSHELL__V1__SANDBOX_STREAM_EVENT__INIT;
	Openshell__V1__SandboxLogLine__FieldsEntry fields[2], *list[2];
	Openshell__V1__SandboxLogLine line;

	log_make(&line, fields, list);
	event.payload_case = OPENSHELL__V1__SANDBOX_STREAM_EVENT__PAYLOAD_LOG;
	event.log = &line;
	rpc_send(call, &event.base);
}

/* The states that follow what was asked last. */
static void
on_watch(void *self, struct rpc_call *call, const ProtobufCMessage *message)
{
	const Openshell__V1__WatchSandboxRequest *in = (const Openshell__V1__WatchSandboxRequest *)message;
	const char *name = self;

	fake_note_call(call, message);
	rpc_begin(call);
	if (!in->follow_status) { /* logs --tail */
		send_state(call, "demo", 2, -1);
		send_log(call);
		rpc_finish(call, OK, NULL);
		return;
	}
	if (strncmp(name, "stop ", 5) == 0) {
		send_state(call, name + 5, 6, -1);
		send_state(call, name + 5, 7, -1);
		return;
	}
	send_state(call, name, 1, -1);
	if (strcmp(name, "flaky") == 0) {
		snprintf(self, 64, "steady");
		fake_refuse(call, ERR_UNAVAILABLE, "state is away");
		return;
	}
	if (strcmp(name, "lost") == 0)
		rpc_finish(call, OK, NULL);
	else if (strcmp(name, "broken") == 0)
		send_state(call, name, 3, -1);
	else if (strcmp(name, "starting") != 0)
		send_state(call, name, 2, -1);
	if (strcmp(name, "ended") == 0)
		send_state(call, name, 3, 3);
}

static void
send_bytes(struct rpc_call *call, bool error, const void *bytes, size_t length)
{
	Openshell__V1__ExecSandboxEvent event = OPENSHELL__V1__EXEC_SANDBOX_EVENT__INIT;
	Openshell__V1__ExecSandboxStdout out = OPENSHELL__V1__EXEC_SANDBOX_STDOUT__INIT;
	Openshell__V1__ExecSandboxStderr err = OPENSHELL__V1__EXEC_SANDBOX_STDERR__INIT;

	if (error) {
		event.payload_case = OPENSHELL__V1__EXEC_SANDBOX_EVENT__PAYLOAD_STDERR;
		event.stderr = &err;
		err.has_data = true;
		err.data = (ProtobufCBinaryData){length, (uint8_t *)(uintptr_t)bytes};
	} else {
		event.payload_case = OPENSHELL__V1__EXEC_SANDBOX_EVENT__PAYLOAD_STDOUT;
		event.stdout = &out;
		out.has_data = true;
		out.data = (ProtobufCBinaryData){length, (uint8_t *)(uintptr_t)bytes};
	}
	rpc_send(call, &event.base);
}

static void
send_exit(struct rpc_call *call, int code)
{
	Openshell__V1__ExecSandboxEvent event = OPENSHELL__V1__EXEC_SANDBOX_EVENT__INIT;
	Openshell__V1__ExecSandboxExit exit_event = OPENSHELL__V1__EXEC_SANDBOX_EXIT__INIT;

	event.payload_case = OPENSHELL__V1__EXEC_SANDBOX_EVENT__PAYLOAD_EXIT;
	event.exit = &exit_event;
	exit_event.has_exit_code = true;
	exit_event.exit_code = code;
	rpc_send(call, &event.base);
	rpc_finish(call, OK, NULL);
}

/* bytes: all 256 on stdout, some on stderr; cat: stdin; exit N; big N: N times 32 KiB; noexit; lost; else
 * hangs. */
static void
on_exec(void *self, struct rpc_call *call, const ProtobufCMessage *message)
{
	const Openshell__V1__ExecSandboxRequest *in = (const Openshell__V1__ExecSandboxRequest *)message;
	const char *word = in->command[0];
	uint8_t all[256];
	static uint8_t big[32768];

	(void)self;
	fake_note_call(call, message);
	rpc_begin(call);
	for (size_t i = 0; i < sizeof(all); i++)
		all[i] = (uint8_t)i;
	if (strcmp(word, "bytes") == 0) {
		send_bytes(call, false, all, sizeof(all));
		send_bytes(call, true, "\x1b[1mraw\x1b[0m\n", 12);
		send_exit(call, 0);
	} else if (strcmp(word, "cat") == 0) {
		send_bytes(call, false, in->stdin.data, in->stdin.len);
		send_exit(call, 0);
	} else if (strcmp(word, "exit") == 0) {
		send_exit(call, (int)strtol(in->command[1], NULL, 10));
	} else if (strcmp(word, "big") == 0) {
		memset(big, 'x', sizeof(big));
		for (long i = strtol(in->command[1], NULL, 10); i > 0; i--)
			send_bytes(call, false, big, sizeof(big));
		send_exit(call, 0);
	} else if (strcmp(word, "noexit") == 0) {
		rpc_finish(call, OK, NULL);
	} else if (strcmp(word, "lost") == 0) {
		fake_refuse(call, ERR_UNAVAILABLE, "relay lost");
	}
}

static void
on_cancelled(void *self, struct rpc_call *call)
{
	(void)self, (void)call;
	note("cancelled\n");
}

#define ROW(name, kind, request, function)                                                                             \
	{                                                                                                              \
		"/openshell.v1.OpenShell/" name, kind, &openshell__v1__##request##__descriptor, function, NULL         \
	}

static const struct rpc_method methods[] = {
    ROW("Health", RPC_UNARY, health_request, on_health),
    ROW("GetCurrentUser", RPC_UNARY, get_current_user_request, on_who),
    ROW("GetGatewayInfo", RPC_UNARY, get_gateway_info_request, on_info),
    ROW("CreateSandbox", RPC_UNARY, create_sandbox_request, on_create),
    ROW("GetSandbox", RPC_UNARY, get_sandbox_request, on_get),
    ROW("ListSandboxes", RPC_UNARY, list_sandboxes_request, on_list),
    ROW("DeleteSandbox", RPC_UNARY, delete_sandbox_request, on_delete),
    ROW("StopSandbox", RPC_UNARY, stop_sandbox_request, on_stop),
    ROW("StartSandbox", RPC_UNARY, start_sandbox_request, on_start),
    ROW("WatchSandbox", RPC_SERVER_STREAM, watch_sandbox_request, on_watch),
    ROW("ExecSandbox", RPC_SERVER_STREAM, exec_sandbox_request, on_exec),
    ROW("GetSandboxLogs", RPC_UNARY, get_sandbox_logs_request, on_logs),
    {"/openshell.v1.OpenShell/GetSandboxConfig", RPC_UNARY,
	&openshell__sandbox__v1__get_sandbox_config_request__descriptor, on_config, NULL},
    {"/openshell.v1.OpenShell/GetGatewayConfig", RPC_UNARY,
	&openshell__sandbox__v1__get_gateway_config_request__descriptor, on_gateway_config, NULL},
    ROW("GetSandboxPolicyStatus", RPC_UNARY, get_sandbox_policy_status_request, on_policy_status),
    ROW("ListSandboxPolicies", RPC_UNARY, list_sandbox_policies_request, on_policies),
    ROW("UpdateConfig", RPC_UNARY, update_config_request, on_update),
    FAKE_PROVIDER_METHODS,
    FAKE_DOOR_METHODS,
    {NULL},
};

static void
serve(int fd)
{
	static char last[64];
	struct rpc_server_config config = {
	    .methods = methods, .self = last, .cancelled = on_cancelled, .writable = fake_door_writable};
	struct rpc_server *server;
	struct loop *loop;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (loop_new(&loop, NULL) != OK)
		_exit(2);
	config.loop = loop;
	if (rpc_server_new(&server, &config, NULL) != OK || rpc_server_listen(server, fd, NULL) != OK)
		_exit(3);
	_exit(loop_run(loop, NULL) == OK ? 0 : 4);
}

void
fake_start(struct fake *fake)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t length = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	record = fake->log = mmap(NULL, sizeof(*fake->log), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (fd < 0 || fake->log == MAP_FAILED || bind(fd, (struct sockaddr *)&address, length) != 0 ||
	    listen(fd, 16) != 0 || getsockname(fd, (struct sockaddr *)&address, &length) != 0)
		abort();
	snprintf(fake->endpoint, sizeof(fake->endpoint), "http://127.0.0.1:%u", ntohs(address.sin_port));
	if ((fake->pid = fork()) == 0)
		serve(fd);
	close(fd);
}

void
fake_stop(struct fake *fake)
{
	kill(fake->pid, SIGKILL);
	waitpid(fake->pid, NULL, 0);
	munmap(fake->log, sizeof(*fake->log));
}

void
fake_clear(struct fake *fake)
{
	fake->log->length = 0;
	fake->log->text[0] = '\0';
}
