/* Small questions about one endpoint of a policy that several files ask. */
#ifndef COMMON_POLICY_ENDPOINT_H
#define COMMON_POLICY_ENDPOINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "openshell/sandbox.pb-c.h"

enum endpoint_protocol {
	ENDPOINT_L4, /* none is named */
	ENDPOINT_TCP,
	ENDPOINT_REST,
	ENDPOINT_WEBSOCKET,
	ENDPOINT_GRAPHQL,
	ENDPOINT_SQL,
	ENDPOINT_JSON_RPC,
	ENDPOINT_MCP,
	ENDPOINT_UNKNOWN,
};

/* Its protocol, case ignored. */
enum endpoint_protocol endpoint_protocol(const Openshell__Sandbox__V1__NetworkEndpoint *endpoint);

/* Its ports (the list wins over the single one) and how many. */
size_t endpoint_ports(const Openshell__Sandbox__V1__NetworkEndpoint *endpoint, const uint32_t **out);
bool endpoint_has_port(const Openshell__Sandbox__V1__NetworkEndpoint *endpoint, uint32_t port);

/* Is there a port that both have? */
bool endpoint_share_port(
    const Openshell__Sandbox__V1__NetworkEndpoint *a, const Openshell__Sandbox__V1__NetworkEndpoint *b);

/* tls: exactly skip; enforcement: enforce, case ignored. */
bool endpoint_tls_skip(const Openshell__Sandbox__V1__NetworkEndpoint *endpoint);
bool endpoint_enforced(const Openshell__Sandbox__V1__NetworkEndpoint *endpoint);

/* The bytes of a body that are read at most: of GraphQL, and of JSON-RPC and MCP. */
#define ENDPOINT_BODY_BYTES 65536

/* Does any rule, allow or deny, ask for something of GraphQL? */
bool endpoint_graphql_rules(const Openshell__Sandbox__V1__NetworkEndpoint *endpoint);

#endif
