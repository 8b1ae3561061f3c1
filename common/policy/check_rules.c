/* The check of an endpoint's rules together: which there must be, and which do not go with each other. */
#include <stdio.h>
#include <string.h>

#include "common/policy/checking_body.h"

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
	if (check->protocol == ENDPOINT_MCP && !rules && !policy_allows_all_mcp(endpoint))
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
		policy_check_operation_type(
		    check, value == NULL ? &none.operation_type : &value->operation_type, field);
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
	if (check->protocol == ENDPOINT_TCP)
		return;
	for (size_t i = 0; i < endpoint->n_rules; i++) {
		snprintf(place, sizeof(place), "rules[%zu].allow", i);
		if (endpoint->rules[i]->allow == NULL)
			empty++;
		else
			policy_check_body(check, &(struct body){endpoint->rules[i]->allow, false, place});
	}
	if (empty > 0 && empty == endpoint->n_rules)
		check_error(check, &endpoint->rules, "rules", NULL, "rules would deny all traffic: none has allow");
	for (size_t i = 0; i < endpoint->n_deny_rules; i++) {
		snprintf(place, sizeof(place), "deny_rules[%zu]", i);
		policy_check_body(check, &(struct body){(const L7Allow *)endpoint->deny_rules[i], true, place});
	}
	if (check->protocol == ENDPOINT_MCP)
		policy_check_tools(check);
}
