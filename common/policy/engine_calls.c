/* Decisions about JSON-RPC and MCP calls (policy-and-proxy 4.9, 4.10). */
#include "common/policy/engine_judging.h"

static enum err
call_read(const struct judging *j, const struct engine_call *from, struct judged_call *out)
{
	*out = (struct judged_call){.tools_call = span_is(from->method, "tools/call")};
	if ((out->method = matcher_bits(&j->engine->words, from->method, j->arena)) == NULL)
		return ERR_LIMIT;
	if (!from->has_tool)
		return OK;
	out->tool = matcher_bits(&j->engine->words, from->tool, j->arena);
	return out->tool == NULL ? ERR_LIMIT : OK;
}

static struct outcome
call_judge(const struct judging *j, const struct judged_call *call, struct outcome without)
{
	const struct engine_rule *rule = judging_find(j, true, RULE_CALL, call);

	if (rule != NULL)
		return (struct outcome){.kind = OUTCOME_DENIED, .rule = rule, .code = "deny_rule"};
	if ((rule = judging_find(j, false, RULE_CALL, call)) != NULL)
		return (struct outcome){.kind = OUTCOME_ALLOWED, .rule = rule, .code = ""};
	return without;
}

/* A client may answer what an MCP server asked; nobody else may. */
static struct outcome
response_judge(const struct judging *j)
{
	if (j->selected->protocol != PROTOCOL_MCP)
		return outcome_hard("body", "JSON-RPC response frames are not permitted from client to server");
	if (!judging_covers(j, j->selected))
		return (struct outcome){.kind = OUTCOME_NOT_PERMITTED, .code = "no_rule"};
	return (struct outcome){.kind = OUTCOME_ALLOWED, .code = ""};
}

enum err
judging_calls(const struct judging *j, struct outcome *out)
{
	struct outcome http = judging_http(j), one;

	*out = http;
	for (size_t i = 0; i < j->request->calls_n; i++) {
		const struct engine_call *from = &j->request->calls[i];
		struct judged_call call;

		if (from->response) {
			one = response_judge(j);
		} else {
			if (call_read(j, from, &call) != OK)
				return ERR_LIMIT;
			one = call_judge(j, &call, http);
		}
		if (http.kind == OUTCOME_DENIED && one.kind > http.kind)
			one = http;
		if (i == 0 || one.kind < out->kind)
			*out = one;
	}
	return OK;
}
