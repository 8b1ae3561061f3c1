/* logs: stored log lines, and the configuration in force; both by a sandbox's id. */
#include "services/api/logs.h"

#include "common/base/clean.h"
#include "services/api/ask.h"
#include "services/api/check.h"
#include "services/api/methods.h"
#include "services/api/view.h"

#define LINES_DEFAULT 2000
#define LINES_MAX     10000
#define ARENA_BYTES   (32u << 20) /* an answer of the bus, unpacked */

/* An id that is not there is told in the words that clients compare. */
static bool
failed(struct ask *ask, enum err r, struct why *why)
{
	if (r == ERR_NOT_FOUND)
		(void)fail(why, r, "sandbox not found");
	if (r != OK)
		ask_fail(ask, r, why);
	return r != OK;
}

static void
logs_answered(struct ask *ask, enum err r, struct msg *answer, struct why *why)
{
	const Openshell__V1__GetSandboxLogsRequest *in = (const Openshell__V1__GetSandboxLogsRequest *)ask->request;
	Openshell__V1__GetSandboxLogsResponse out = OPENSHELL__V1__GET_SANDBOX_LOGS_RESPONSE__INIT;
	auto_arena struct arena arena = {.max_bytes = ARENA_BYTES};

	if (failed(ask, r, why))
		return;
	if ((out.logs = arena_array(&arena, answer->logs.lines_n, sizeof(*out.logs))) == NULL)
		r = fail(why, ERR_LIMIT, "the answer needs too much memory");
	for (; r == OK && out.n_logs < answer->logs.lines_n; out.n_logs++)
		r = view_log_line(&arena, in->sandbox_id, &answer->logs.lines[out.n_logs], &out.logs[out.n_logs], why);
	if (failed(ask, r, why))
		return;
	out.has_buffer_total = true;
	out.buffer_total = answer->logs.total;
	ask_send(ask, &out.base);
}

enum err
logs_question(struct arena *arena, const char *level, int64_t since_ms, char *const *sources, size_t sources_n,
    struct msg_logs_get *out, struct why *why)
{
	out->since_ms = since_ms < 0 ? 0 : (uint64_t)since_ms;
	out->level = span_of_text(level);
	if (out->level.length > 8)
		return fail(why, ERR_INVALID,
		    "the level has %zu characters; ERROR, WARN, INFO, DEBUG and TRACE are known", out->level.length);
	if (sources_n > 4)
		return fail(why, ERR_INVALID, "%zu sources are named; only gateway and sandbox are known", sources_n);
	if ((out->sources = arena_array(arena, sources_n, sizeof(*out->sources))) == NULL)
		return fail(why, ERR_LIMIT, "the request needs too much memory");
	for (size_t i = 0; i < sources_n; i++) {
		out->sources[i] = span_of_text(sources[i]);
		if (out->sources[i].length > 16)
			return fail(why, ERR_INVALID, "a source has %zu characters; only gateway and sandbox are known",
			    out->sources[i].length);
	}
	out->sources_n = sources_n;
	return OK;
}

/* GetSandboxLogs: the newest lines first counted, then filtered. */
void
sandbox_logs_get(void *self, struct rpc_call *call, const ProtobufCMessage *message)
{
	const Openshell__V1__GetSandboxLogsRequest *in = (const Openshell__V1__GetSandboxLogsRequest *)message;
	struct msg question = {.id = LOGS_GET};
	struct msg_logs_get *m = &question.logs_get;
	struct why why = {0};
	struct ask *ask;
	enum err r;

	if ((r = check_id("sandbox_id", span_of_text(in->sandbox_id), &m->sandbox, &why)) != OK ||
	    (r = logs_question(rpc_arena(call), in->min_level, in->since_ms, in->sources, in->n_sources, m, &why)) !=
		OK) {
		call_fail(call, r, &why);
		return;
	}
	m->lines = in->lines == 0 ? LINES_DEFAULT : in->lines > LINES_MAX ? LINES_MAX : in->lines;
	if ((ask = ask_new(self, call, message, 0)) != NULL)
		ask_put(ask, ROLE_STATE, &question, LOGS, logs_answered);
}

static void
config_answered(struct ask *ask, enum err r, struct msg *answer, struct why *why)
{
	auto_arena struct arena arena = {.max_bytes = ARENA_BYTES};
	Openshell__Sandbox__V1__GetSandboxConfigResponse *out;

	if (r == OK)
		r = view_config(&arena, &answer->config, &out, why);
	if (!failed(ask, r, why))
		ask_send(ask, &out->base);
}

/* By id; by name from 0.1 on, which is never as long as an id. */
static enum err
config_whose(const Openshell__Sandbox__V1__GetSandboxConfigRequest *in, struct msg_config_get *out, struct why *why)
{
	struct span workspace =
	    in->workspace == NULL || in->workspace[0] == '\0' ? SPAN("default") : span_of_text(in->workspace);
	struct span name = span_of_text(in->sandbox_id);
	struct why ignored;

	if (name.length == 0 || name.length > CHECK_NAME_BYTES || check_name("name", name, &ignored) != OK ||
	    check_name("workspace", workspace, &ignored) != OK)
		return check_id("sandbox_id", name, &out->sandbox, why);
	out->workspace = workspace;
	out->name = name;
	return OK;
}

/* GetSandboxConfig: policy and settings in force. */
void
sandbox_config_get(void *self, struct rpc_call *call, const ProtobufCMessage *message)
{
	const Openshell__Sandbox__V1__GetSandboxConfigRequest *in =
	    (const Openshell__Sandbox__V1__GetSandboxConfigRequest *)message;
	struct msg question = {.id = CONFIG_GET};
	struct why why = {0};
	struct ask *ask;
	enum err r;

	if ((r = config_whose(in, &question.config_get, &why)) != OK)
		call_fail(call, r, &why);
	else if ((ask = ask_new(self, call, message, 0)) != NULL)
		ask_put(ask, ROLE_STATE, &question, CONFIG, config_answered);
}
