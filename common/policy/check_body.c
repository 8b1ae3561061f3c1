/* The check of one rule, by the protocol of its endpoint. */
#include "common/policy/checking_body.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "common/base/clean.h"

#define SAME(field) _Static_assert(offsetof(L7Allow, field) == offsetof(L7Deny, field), #field)
SAME(method);
SAME(path);
SAME(command);
SAME(query);
SAME(operation_type);
SAME(operation_name);
SAME(fields);
SAME(params);

const char *
policy_field_name(const struct body *body, const char *field, char to[FIELD_BYTES])
{
	snprintf(to, FIELD_BYTES, "%s.%s", body->place, field);
	return to;
}

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

void
policy_check_matchers(
    const struct check *check, const struct body *body, QueryEntry *const *entries, size_t n, const char *name)
{
	char field[FIELD_BYTES + 40];

	for (size_t i = 0; i < n; i++) {
		const char *key = text_or(entries[i]->key);

		snprintf(field, sizeof(field), "%s.%s.%s", body->place, name, finding_quote(key));
		field[sizeof(field) - 1] = '\0';
		check_matcher(check, entries[i], field);
	}
}

void
policy_check_operation_type(const struct check *check, char *const *type, const char *field)
{
	static const char *const types[] = {"query", "mutation", "subscription"};

	for (size_t i = 0; i < COUNT(types); i++)
		if (strcasecmp(text_or(*type), types[i]) == 0)
			return;
	check_error(
	    check, GIVEN(*type) ? type : NULL, field, text_or(*type), "expected query, mutation or subscription");
}

/* ---- fields that a protocol's rules do not have ---- */

static const struct {
	unsigned bit;
	const char *name;
} parts[] = {{BODY_METHOD, "method"}, {BODY_PATH, "path"}, {BODY_QUERY, "query"}, {BODY_COMMAND, "command"},
    {BODY_OPERATION, "operation"}, {BODY_PARAMS, "params"}};

static unsigned
parts_of(const L7Allow *body)
{
	return (GIVEN(body->method) ? BODY_METHOD : 0) | (GIVEN(body->path) ? BODY_PATH : 0) |
	       (body->n_query > 0 ? BODY_QUERY : 0) | (GIVEN(body->command) ? BODY_COMMAND : 0) |
	       (is_graphql(body) ? BODY_OPERATION : 0) | (body->n_params > 0 ? BODY_PARAMS : 0);
}

void
policy_check_parts(const struct check *check, const struct body *body, unsigned useful, bool refused)
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
	policy_check_matchers(check, body, body->at->query, body->at->n_query, "query");
}

static void
check_rest(const struct check *check, const struct body *body)
{
	policy_check_parts(check, body, BODY_METHOD | BODY_PATH | BODY_QUERY, false);
	check_request(check, body);
}

static void
check_operation(const struct check *check, const struct body *body)
{
	const L7Allow *at = body->at;

	policy_check_operation_type(check, &at->operation_type, NAMED(body, "operation_type"));
	if (GIVEN(at->operation_name))
		policy_check_glob(
		    check, &at->operation_name, NAMED(body, "operation_name"), at->operation_name, GLOB_NAME);
	for (size_t i = 0; i < at->n_fields; i++)
		policy_check_glob(check, &at->fields[i], NAMED(body, "fields"), at->fields[i], GLOB_NAME);
}

static void
check_graphql(const struct check *check, const struct body *body)
{
	policy_check_parts(check, body, BODY_OPERATION, false);
	check_operation(check, body);
}

static void
check_websocket(const struct check *check, const struct body *body)
{
	unsigned given = parts_of(body->at);

	policy_check_parts(check, body, BODY_METHOD | BODY_PATH | BODY_QUERY | BODY_OPERATION, false);
	if ((given & BODY_OPERATION) == 0) {
		check_request(check, body);
		if (!body->deny && endpoint_graphql_rules(check->endpoint) &&
		    strcasecmp(text_or(body->at->method), "WEBSOCKET_TEXT") == 0)
			check_error(check, &body->at->method, NAMED(body, "method"), body->at->method,
			    "cannot go with rules on GraphQL operations, which decide about text messages");
		return;
	}
	if ((given & (BODY_METHOD | BODY_PATH | BODY_QUERY)) != 0)
		check_error(check, body->at, body->place, NULL,
		    "mixes GraphQL fields with method, path or query; write two rules");
	check_operation(check, body);
}

static void
check_sql(const struct check *check, const struct body *body)
{
	policy_check_parts(check, body, BODY_COMMAND, false);
	if (!GIVEN(body->at->command))
		check_warning(check, body->at, NAMED(body, "command"), NULL, "is missing, so the rule matches nothing");
}

static void
check_json_rpc(const struct check *check, const struct body *body)
{
	const char *method = text_or(body->at->method);

	policy_check_parts(check, body, BODY_METHOD, true);
	if (*method == '\0')
		check_error(check, body->at, NAMED(body, "method"), NULL, "is missing; write an RPC method, or *");
	else if (strcmp(method, "*") != 0 && strpbrk(method, "*?[{") != NULL)
		check_warning(check, &body->at->method, NAMED(body, "method"), method,
		    "is compared as it stands: JSON-RPC methods are exact, or *");
}

static void (*const checks[])(const struct check *check, const struct body *body) = {
    [ENDPOINT_L4] = check_rest, /* another endpoint may turn inspection on: then these rules count */
    [ENDPOINT_REST] = check_rest,
    [ENDPOINT_WEBSOCKET] = check_websocket,
    [ENDPOINT_GRAPHQL] = check_graphql,
    [ENDPOINT_SQL] = check_sql,
    [ENDPOINT_JSON_RPC] = check_json_rpc,
    [ENDPOINT_MCP] = policy_check_mcp,
    [ENDPOINT_UNKNOWN] = NULL,
};

void
policy_check_body(const struct check *check, const struct body *body)
{
	if (checks[check->protocol] != NULL)
		checks[check->protocol](check, body);
}
