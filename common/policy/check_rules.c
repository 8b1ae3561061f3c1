/* The check of an endpoint's rules, allow and deny, by its protocol. */
#include "common/policy/checking.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "common/base/clean.h"

/* An allow body and a deny body have the same fields at the same places; both are looked at as an allow body. */
#define SAME(field) _Static_assert(offsetof(L7Allow, field) == offsetof(L7Deny, field), #field)
SAME(method);
SAME(path);
SAME(command);
SAME(query);
SAME(operation_type);
SAME(operation_name);
SAME(fields);
SAME(params);

#define FIELD_BYTES 80

struct body {
	const L7Allow *at;
	bool deny;
	const char *place; /* "rules[2].allow" */
};

static const char *
field_name(const struct body *body, const char *field, char to[FIELD_BYTES])
{
	snprintf(to, FIELD_BYTES, "%s.%s", body->place, field);
	return to;
}

#define NAMED(body, field) field_name((body), (field), (char[FIELD_BYTES]){0})
#define GIVEN(text)	   (*text_or(text) != '\0')

static bool
is_graphql(const L7Allow *body)
{
	return GIVEN(body->operation_type) || GIVEN(body->operation_name) || body->n_fields > 0;
}

/* ---- single values ---- */

static void
check_matcher(const struct check *check, const QueryEntry *entry, const char *field)
{
	static const Matcher none = OPENSHELL__SANDBOX__V1__L7_QUERY_MATCHER__INIT;
	const Matcher *matcher = entry->value == NULL ? &none : entry->value;

	if (GIVEN(matcher->glob) && matcher->n_any > 0)
		check_error(check, matcher, field, NULL, "has both glob and any; write one of them");
	else if (!GIVEN(matcher->glob) && matcher->n_any == 0)
		check_error(check, entry, field, NULL, "has nothing to match; write a glob or {any: [glob, ...]}");
	if (GIVEN(matcher->glob))
		policy_check_glob(check, &matcher->glob, field, matcher->glob, GLOB_NAME);
	for (size_t i = 0; i < matcher->n_any; i++)
		policy_check_glob(check, &matcher->any[i], field, matcher->any[i], GLOB_NAME);
}

static void
check_matchers(const struct check *check, const struct body *body, QueryEntry *const *entries, size_t n,
    const char *name)
{
	char field[FIELD_BYTES + 40];

	for (size_t i = 0; i < n; i++) {
		const char *key = text_or(entries[i]->key);

		snprintf(field, sizeof(field), "%s.%s.%s", body->place, name, finding_quote(key));
		field[sizeof(field) - 1] = '\0';
		check_matcher(check, entries[i], field);
	}
}

static void
check_operation_type(const struct check *check, char *const *type, const char *field)
{
	static const char *const types[] = {"query", "mutation", "subscription"};

	for (size_t i = 0; i < COUNT(types); i++)
		if (strcasecmp(text_or(*type), types[i]) == 0)
			return;
	check_error(check, GIVEN(*type) ? type : NULL, field, text_or(*type),
	    "expected query, mutation or subscription");
}

/* ---- fields that a protocol's rules do not have ---- */

enum { QUERY = 1, PATH = 2, COMMAND = 4, OPERATION = 8, PARAMS = 16, METHOD = 32 };

static const struct {
	unsigned bit;
	const char *name;
} parts[] = {{METHOD, "method"}, {PATH, "path"}, {QUERY, "query"}, {COMMAND, "command"}, {OPERATION, "operation"},
    {PARAMS, "params"}};

static unsigned
parts_of(const L7Allow *body)
{
	return (GIVEN(body->method) ? METHOD : 0) | (GIVEN(body->path) ? PATH : 0) | (body->n_query > 0 ? QUERY : 0) |
	    (GIVEN(body->command) ? COMMAND : 0) | (is_graphql(body) ? OPERATION : 0) |
	    (body->n_params > 0 ? PARAMS : 0);
}

static void
check_parts(const struct check *check, const struct body *body, unsigned useful, bool refused)
{
	unsigned given = parts_of(body->at) & ~useful;

	for (size_t i = 0; i < COUNT(parts); i++)
		if ((given & parts[i].bit) != 0)
			policy_check_say(check, !refused, body->at, NAMED(body, parts[i].name), NULL,
			    refused ? "may not stand in a rule of protocol %s" : "has no effect with protocol %s",
			    check->endpoint->protocol);
}

/* ---- rules by protocol ---- */

static void
check_method_word(const struct check *check, const struct body *body)
{
	static const char *const words[] = {"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "CONNECT",
	    "TRACE", "*", "WEBSOCKET_TEXT", "WEBSOCKET_BINARY"};
	const char *method = text_or(body->at->method);

	if (*method == '\0' && !body->deny)
		check_warning(check, body->at, NAMED(body, "method"), NULL, "is missing, so the rule matches nothing");
	for (size_t i = 0; i < COUNT(words); i++)
		if (*method == '\0' || strcasecmp(method, words[i]) == 0)
			return;
	check_warning(check, &body->at->method, NAMED(body, "method"), method, "is no HTTP method that is known here");
}

static void
check_request(const struct check *check, const struct body *body)
{
	check_method_word(check, body);
	if (GIVEN(body->at->path))
		policy_check_glob(check, &body->at->path, NAMED(body, "path"), body->at->path, GLOB_PATH);
	else if (!body->deny)
		check_warning(check, body->at, NAMED(body, "path"), NULL, "is missing, so the rule matches nothing");
	check_matchers(check, body, body->at->query, body->at->n_query, "query");
}

static void
check_rest(const struct check *check, const struct body *body)
{
	check_parts(check, body, METHOD | PATH | QUERY, false);
	check_request(check, body);
}

static void
check_operation(const struct check *check, const struct body *body)
{
	const L7Allow *at = body->at;

	check_operation_type(check, &at->operation_type, NAMED(body, "operation_type"));
	if (GIVEN(at->operation_name))
		policy_check_glob(check, &at->operation_name, NAMED(body, "operation_name"), at->operation_name, GLOB_NAME);
	for (size_t i = 0; i < at->n_fields; i++)
		policy_check_glob(check, &at->fields[i], NAMED(body, "fields"), at->fields[i], GLOB_NAME);
}

static void
check_graphql(const struct check *check, const struct body *body)
{
	check_parts(check, body, OPERATION, false);
	check_operation(check, body);
}

static void
check_websocket(const struct check *check, const struct body *body)
{
	unsigned given = parts_of(body->at);

	check_parts(check, body, METHOD | PATH | QUERY | OPERATION, false);
	if ((given & OPERATION) == 0) {
		check_request(check, body);
		if (!body->deny && endpoint_graphql_rules(check->endpoint) &&
		    strcasecmp(text_or(body->at->method), "WEBSOCKET_TEXT") == 0)
			check_error(check, &body->at->method, NAMED(body, "method"), body->at->method,
			    "cannot go with rules on GraphQL operations, which decide about text messages");
		return;
	}
	if ((given & (METHOD | PATH | QUERY)) != 0)
		check_error(check, body->at, body->place, NULL,
		    "mixes GraphQL fields with method, path or query; write two rules");
	check_operation(check, body);
}

static void
check_sql(const struct check *check, const struct body *body)
{
	check_parts(check, body, COMMAND, false);
	if (!GIVEN(body->at->command))
		check_warning(check, body->at, NAMED(body, "command"), NULL, "is missing, so the rule matches nothing");
}

static void
check_json_rpc(const struct check *check, const struct body *body)
{
	const char *method = text_or(body->at->method);

	check_parts(check, body, METHOD, true);
	if (*method == '\0')
		check_error(check, body->at, NAMED(body, "method"), NULL, "is missing; write an RPC method, or *");
	else if (strcmp(method, "*") != 0 && strpbrk(method, "*?[{") != NULL)
		check_warning(check, &body->at->method, NAMED(body, "method"), method,
		    "is compared as it stands: JSON-RPC methods are exact, or *");
}

static bool
is_glob(const char *text)
{
	return strpbrk(text, "*?[{\\") != NULL;
}

static bool
allows_all_mcp(const Endpoint *endpoint)
{
	return endpoint->mcp != NULL && endpoint->mcp->has_allow_all_known_mcp_methods &&
	    endpoint->mcp->allow_all_known_mcp_methods;
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

	if (strcmp(method, "tools/call") != 0 && (*method != '\0' || !allows_all_mcp(endpoint)))
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

static void
check_mcp(const struct check *check, const struct body *body)
{
	const L7Allow *at = body->at;
	const char *method = text_or(at->method);

	check_parts(check, body, METHOD | PARAMS, true);
	if (*method == '\0' && !allows_all_mcp(check->endpoint))
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
	check_matchers(check, body, (QueryEntry *const *)at->params, at->n_params, "params");
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
static void
check_broad(const struct check *check)
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

static void (*const checks[])(const struct check *check, const struct body *body) = {
    [ENDPOINT_L4] = check_rest, /* another endpoint may turn inspection on: then these rules count */
    [ENDPOINT_REST] = check_rest,
    [ENDPOINT_WEBSOCKET] = check_websocket,
    [ENDPOINT_GRAPHQL] = check_graphql,
    [ENDPOINT_SQL] = check_sql,
    [ENDPOINT_JSON_RPC] = check_json_rpc,
    [ENDPOINT_MCP] = check_mcp,
    [ENDPOINT_UNKNOWN] = NULL,
};

/* ---- the rules of an endpoint together ---- */

static void
check_presence(const struct check *check)
{
	const Endpoint *endpoint = check->endpoint;
	bool rules = endpoint->n_rules > 0, access = GIVEN(endpoint->access);
	bool rpc = check->protocol == ENDPOINT_JSON_RPC || check->protocol == ENDPOINT_MCP;

	if (rules && access)
		check_error(check, &endpoint->rules, "rules", NULL, "rules and access are mutually exclusive");
	if (rpc && access)
		check_error(check, &endpoint->access, "access", endpoint->access,
		    "protocol %s has no presets; write rules", endpoint->protocol);
	if (check->protocol == ENDPOINT_JSON_RPC && !rules)
		check_error(check, &endpoint->protocol, "protocol", endpoint->protocol, "requires rules");
	if (check->protocol == ENDPOINT_MCP && !rules && !allows_all_mcp(endpoint))
		check_error(check, &endpoint->protocol, "protocol", endpoint->protocol,
		    "requires rules, or mcp.allow_all_known_mcp_methods: true");
	if (check->protocol == ENDPOINT_L4 || check->protocol == ENDPOINT_TCP || rpc)
		return;
	if (!rules && !access)
		check_error(check, &endpoint->protocol, "protocol", endpoint->protocol,
		    "protocol requires rules or access to define allowed traffic");
	if (endpoint->n_deny_rules > 0 && !rules && !access)
		check_error(check, &endpoint->deny_rules, "deny_rules", NULL, "needs rules or access to take from");
}

static void
check_registered(const struct check *check)
{
	const Endpoint *endpoint = check->endpoint;
	char field[FIELD_BYTES + 40];

	for (size_t i = 0; i < endpoint->n_graphql_persisted_queries; i++) {
		static const Registered none = OPENSHELL__SANDBOX__V1__GRAPHQL_OPERATION__INIT;
		const Registered *value = endpoint->graphql_persisted_queries[i]->value;

		snprintf(field, sizeof(field), "graphql_persisted_queries.%.60s.operation_type",
		    finding_quote(text_or(endpoint->graphql_persisted_queries[i]->key)));
		check_operation_type(check, value == NULL ? &none.operation_type : &value->operation_type, field);
	}
}

void
policy_check_rules(struct check *check)
{
	const Endpoint *endpoint = check->endpoint;
	char place[40];
	size_t empty = 0;

	check_presence(check);
	if (check->protocol == ENDPOINT_GRAPHQL || check->protocol == ENDPOINT_WEBSOCKET)
		check_registered(check);
	if (check->protocol == ENDPOINT_TCP || checks[check->protocol] == NULL)
		return;
	for (size_t i = 0; i < endpoint->n_rules; i++) {
		snprintf(place, sizeof(place), "rules[%zu].allow", i);
		if (endpoint->rules[i]->allow == NULL)
			empty++;
		else
			checks[check->protocol](check, &(struct body){endpoint->rules[i]->allow, false, place});
	}
	if (empty > 0 && empty == endpoint->n_rules)
		check_error(check, &endpoint->rules, "rules", NULL, "rules would deny all traffic: none has allow");
	for (size_t i = 0; i < endpoint->n_deny_rules; i++) {
		snprintf(place, sizeof(place), "deny_rules[%zu]", i);
		checks[check->protocol](check, &(struct body){(const L7Allow *)endpoint->deny_rules[i], true, place});
	}
	if (check->protocol == ENDPOINT_MCP)
		check_broad(check);
}
