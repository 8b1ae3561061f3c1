/* The check of rules on MCP calls: methods and tools. */
#include <string.h>

#include "common/policy/checking_body.h"

bool
policy_allows_all_mcp(const Endpoint *endpoint)
{
	return endpoint->mcp != NULL && endpoint->mcp->has_allow_all_known_mcp_methods &&
	       endpoint->mcp->allow_all_known_mcp_methods;
}

static bool
is_glob(const char *text)
{
	return strpbrk(text, "*?[{\\") != NULL;
}

/* The matcher of params.name, which is the tool; NULL: there is none. */
static const Matcher *
tool_of(const L7Allow *body)
{
	for (size_t i = 0; i < body->n_params; i++)
		if (strcmp(text_or(body->params[i]->key), "name") == 0)
			return body->params[i]->value;
	return NULL;
}

static void
check_tool(const struct check *check, const struct body *body)
{
	const Matcher *tool = tool_of(body->at);
	const Endpoint *endpoint = check->endpoint;
	const char *method = text_or(body->at->method);
	bool wide = false;

	if (strcmp(method, "tools/call") != 0 && (*method != '\0' || !policy_allows_all_mcp(endpoint)))
		check_error(check, body->at, NAMED(body, "tool"), NULL, "only method tools/call has a tool, not %s",
		    finding_quote(method));
	if (tool == NULL || endpoint->mcp == NULL || !endpoint->mcp->has_strict_tool_names ||
	    endpoint->mcp->strict_tool_names)
		return;
	wide = is_glob(text_or(tool->glob));
	for (size_t i = 0; i < tool->n_any; i++)
		wide |= is_glob(tool->any[i]);
	if (wide)
		check_error(check, tool, NAMED(body, "tool"), NULL,
		    "a wildcard needs strict_tool_names: a tool could be named to match it");
}

void
policy_check_mcp(const struct check *check, const struct body *body)
{
	const L7Allow *at = body->at;
	const char *method = text_or(at->method);

	policy_check_parts(check, body, BODY_METHOD | BODY_PARAMS, true);
	if (*method == '\0' && !policy_allows_all_mcp(check->endpoint))
		check_error(check, at, NAMED(body, "method"), NULL, "is missing; write an MCP method, as tools/call");
	if (is_glob(method) && strncmp(method, "tools/", 6) != 0)
		check_error(check, &at->method, NAMED(body, "method"), method,
		    "a wildcard is allowed behind tools/ only; or set mcp.allow_all_known_mcp_methods");
	else if (*method != '\0')
		policy_check_glob(check, &at->method, NAMED(body, "method"), method, GLOB_NAME);
	for (size_t i = 0; i < at->n_params; i++)
		if (strcmp(text_or(at->params[i]->key), "name") != 0)
			check_error(check, at->params[i], NAMED(body, "params"), at->params[i]->key,
			    "only name is supported, which is the tool of tools/call");
	policy_check_matchers(check, body, (QueryEntry *const *)at->params, at->n_params, "params");
	if (at->n_params > 0)
		check_tool(check, body);
}

/* Could a method glob mean tools/call? Looked at up to its first special byte. */
static bool
means_tools_call(const char *method)
{
	size_t plain = strcspn(method, "*?[{\\");

	return strncmp(method, "tools/call", plain) == 0 && (method[plain] != '\0' || plain == strlen("tools/call"));
}

/* A rule for every tool makes those for some of no use. */
void
policy_check_tools(const struct check *check)
{
	const Endpoint *endpoint = check->endpoint;
	bool specific = false;

	for (size_t i = 0; i < endpoint->n_rules; i++)
		specific |= endpoint->rules[i]->allow != NULL && tool_of(endpoint->rules[i]->allow) != NULL;
	for (size_t i = 0; specific && i < endpoint->n_rules; i++) {
		const L7Allow *allow = endpoint->rules[i]->allow;

		if (allow != NULL && allow->n_params == 0 && GIVEN(allow->method) && means_tools_call(allow->method))
			check_error(check, &allow->method, "rules", allow->method,
			    "allows every tool, so the rules that name tools do nothing; remove it or them");
	}
}
