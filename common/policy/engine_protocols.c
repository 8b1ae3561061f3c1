/* What each protocol wants to know of a request before its rules are asked, and what it refuses outright. */
#include "common/policy/engine_judging.h"

#include <strings.h>

bool
judging_word_is(struct span word, const char *text)
{
	return word.length == strlen(text) && strncasecmp(word.at, text, word.length) == 0;
}

static struct outcome
read_body(enum engine_look look)
{
	return (struct outcome){.kind = OUTCOME_READ, .code = "", .look = look};
}

static enum err
judge_http(const struct judging *j, struct outcome *out)
{
	*out = judging_http(j);
	return OK;
}

/* Would the body change anything? Not where the endpoint, which is enforced, is for another path. */
static bool
path_decides(const struct judging *j, struct outcome *out)
{
	*out = (struct outcome){.kind = OUTCOME_NOT_PERMITTED, .code = "no_rule"};
	return j->selected->enforce && !judging_covers(j, j->selected) && judging_http(j).kind != OUTCOME_ALLOWED;
}

static enum err
judge_graphql(const struct judging *j, struct outcome *out)
{
	const struct engine_request *request = j->request;
	char *reason;

	if (path_decides(j, out))
		return OK;
	if (request->kind == ENGINE_HTTP && !judging_word_is(request->method, "GET") &&
	    !judging_word_is(request->method, "POST")) {
		*out = outcome_hard("body", "GraphQL request rejected: method must be GET or POST");
		return OK;
	}
	if (request->refusal.length > 0) {
		reason = arena_format(j->arena, "GraphQL request rejected: " SPAN_FORMAT, SPAN_ARGS(request->refusal));
		*out = outcome_hard("body", reason);
		return reason == NULL ? ERR_LIMIT : OK;
	}
	if (request->body != ENGINE_BODY_GRAPHQL) {
		*out = read_body(ENGINE_LOOK_GRAPHQL);
		return OK;
	}
	if (request->operations_n == 0) { /* of a WebSocket: connection_init, ping and the like */
		*out = request->kind == ENGINE_HTTP ? outcome_hard("body", "GraphQL request rejected: no operation")
						    : (struct outcome){.kind = OUTCOME_ALLOWED, .code = ""};
		return OK;
	}
	return judging_graphql(j, out);
}

static enum err
judge_calls(const struct judging *j, struct outcome *out)
{
	const struct engine_request *request = j->request;
	bool mcp = j->selected->protocol == PROTOCOL_MCP;
	char *reason;

	if (path_decides(j, out))
		return OK;
	if (mcp && judging_word_is(request->method, "GET") && request->event_stream) {
		*out = judging_http(j);
		if (out->kind == OUTCOME_NOT_PERMITTED && judging_covers(j, j->selected))
			*out = (struct outcome){.kind = OUTCOME_ALLOWED, .code = ""};
		return OK;
	}
	if (!judging_word_is(request->method, "POST")) {
		*out = outcome_hard("body", "JSON-RPC request rejected: method must be POST");
		return OK;
	}
	if (request->refusal.length > 0) {
		reason = arena_format(j->arena, "JSON-RPC request rejected: " SPAN_FORMAT, SPAN_ARGS(request->refusal));
		*out = outcome_hard("body", reason);
		return reason == NULL ? ERR_LIMIT : OK;
	}
	if (request->body != ENGINE_BODY_RPC) {
		*out = read_body(mcp ? ENGINE_LOOK_MCP : ENGINE_LOOK_JSON_RPC);
		return OK;
	}
	if (request->calls_n == 0) {
		*out = outcome_hard("body", "JSON-RPC request rejected: no call");
		return OK;
	}
	return judging_calls(j, out);
}

static enum err
judge_websocket(const struct judging *j, struct outcome *out)
{
	if (j->request->kind == ENGINE_HTTP && !j->request->upgrade) {
		*out = outcome_hard("upgrade", "websocket endpoint requires a valid WebSocket upgrade request");
		return OK;
	}
	if (j->request->kind == ENGINE_TEXT && j->selected->graphql_rules)
		return judge_graphql(j, out);
	return judge_http(j, out);
}

static enum err (*const judges[])(const struct judging *j, struct outcome *out) = {
    [PROTOCOL_REST] = judge_http,
    [PROTOCOL_WEBSOCKET] = judge_websocket,
    [PROTOCOL_GRAPHQL] = judge_graphql,
    [PROTOCOL_JSON_RPC] = judge_calls,
    [PROTOCOL_MCP] = judge_calls,
};

enum err
judging_protocol(const struct judging *j, struct outcome *out)
{
	return judges[j->selected->protocol](j, out);
}
