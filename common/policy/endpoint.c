/* Small questions about one endpoint. */
#include "common/policy/endpoint.h"

#include <string.h>
#include <strings.h>

#include "common/base/clean.h"
#include "common/policy/messages.h"

enum endpoint_protocol
endpoint_protocol(const Endpoint *endpoint)
{
	static const char *const names[] = {
	    [ENDPOINT_L4] = "",
	    [ENDPOINT_TCP] = "tcp",
	    [ENDPOINT_REST] = "rest",
	    [ENDPOINT_WEBSOCKET] = "websocket",
	    [ENDPOINT_GRAPHQL] = "graphql",
	    [ENDPOINT_SQL] = "sql",
	    [ENDPOINT_JSON_RPC] = "json-rpc",
	    [ENDPOINT_MCP] = "mcp",
	};

	for (size_t i = 0; i < COUNT(names); i++)
		if (strcasecmp(text_or(endpoint->protocol), names[i]) == 0)
			return (enum endpoint_protocol)i;
	return ENDPOINT_UNKNOWN;
}

size_t
endpoint_ports(const Endpoint *endpoint, const uint32_t **out)
{
	if (endpoint->n_ports > 0) {
		*out = endpoint->ports;
		return endpoint->n_ports;
	}
	*out = &endpoint->port;
	return endpoint->has_port && endpoint->port != 0;
}

bool
endpoint_has_port(const Endpoint *endpoint, uint32_t port)
{
	const uint32_t *ports;
	size_t n = endpoint_ports(endpoint, &ports);

	for (size_t i = 0; i < n; i++)
		if (ports[i] == port)
			return true;
	return false;
}

bool
endpoint_tls_skip(const Endpoint *endpoint)
{
	return strcmp(text_or(endpoint->tls), "skip") == 0;
}

bool
endpoint_enforced(const Endpoint *endpoint)
{
	return strcasecmp(text_or(endpoint->enforcement), "enforce") == 0;
}

bool
endpoint_graphql_rules(const Endpoint *endpoint)
{
	for (size_t i = 0; i < endpoint->n_rules; i++) {
		const L7Allow *allow = endpoint->rules[i]->allow;

		if (allow != NULL && (*text_or(allow->operation_type) != '\0' ||
					 *text_or(allow->operation_name) != '\0' || allow->n_fields > 0))
			return true;
	}
	for (size_t i = 0; i < endpoint->n_deny_rules; i++) {
		const L7Deny *deny = endpoint->deny_rules[i];

		if (*text_or(deny->operation_type) != '\0' || *text_or(deny->operation_name) != '\0' ||
		    deny->n_fields > 0)
			return true;
	}
	return false;
}

bool
endpoint_share_port(const Endpoint *a, const Endpoint *b)
{
	const uint32_t *ports;
	size_t n = endpoint_ports(a, &ports);

	for (size_t i = 0; i < n; i++)
		if (endpoint_has_port(b, ports[i]))
			return true;
	return false;
}
