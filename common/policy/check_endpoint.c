/* The check of an endpoint: where it is, which protocol, and which settings go with that. */
#include "common/policy/checking.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "common/base/clean.h"
#include "common/policy/check.h"
#include "common/policy/range.h"

#define BIT(protocol) (1u << (protocol))
#define HTTP	      (BIT(ENDPOINT_REST) | BIT(ENDPOINT_WEBSOCKET) | BIT(ENDPOINT_GRAPHQL))
#define RPC	      (BIT(ENDPOINT_JSON_RPC) | BIT(ENDPOINT_MCP))
#define INSPECTED     (HTTP | RPC | BIT(ENDPOINT_SQL))
#define GRAPHQL	      (BIT(ENDPOINT_GRAPHQL) | BIT(ENDPOINT_WEBSOCKET))
#define SIGNED	      (BIT(ENDPOINT_L4) | HTTP | RPC)

/* Fields that need a certain protocol. Elsewhere they do nothing, and with tcp they are refused. */
static const struct {
	const char *field;
	unsigned useful; /* with these protocols */
	bool refused;	 /* with any other that is inspected, too */
} needs[] = {
    {"path", INSPECTED, false},
    {"rules", INSPECTED, false},
    {"deny_rules", INSPECTED, false},
    {"access", INSPECTED, false},
    {"allow_encoded_slash", HTTP | RPC, false},
    {"websocket_credential_rewrite", BIT(ENDPOINT_L4) | HTTP, false},
    {"request_body_credential_rewrite", SIGNED, false},
    {"redact_credentials", SIGNED, false},
    {"persisted_queries", GRAPHQL, false},
    {"graphql_persisted_queries", GRAPHQL, false},
    {"graphql_max_body_bytes", GRAPHQL, false},
    {"json_rpc_max_body_bytes", RPC, false},
    {"mcp", BIT(ENDPOINT_MCP), true},
    {"credential_signing", SIGNED, false},
    {"signing_service", SIGNED, false},
    {"signing_region", SIGNED, false},
};

static bool
field_set(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field)
{
	const char *base = (const char *)message;

	if (field->label == PROTOBUF_C_LABEL_REPEATED)
		return *(const size_t *)(base + field->quantifier_offset) > 0;
	if (field->type == PROTOBUF_C_TYPE_STRING)
		return *text_or(*(char *const *)(base + field->offset)) != '\0';
	if (field->type == PROTOBUF_C_TYPE_MESSAGE)
		return *(ProtobufCMessage *const *)(base + field->offset) != NULL;
	if (!*(const protobuf_c_boolean *)(base + field->quantifier_offset))
		return false;
	return *(const uint32_t *)(base + field->offset) != 0;
}

static const char *
shown_name(const char *field)
{
	return strcmp(field, "json_rpc_max_body_bytes") == 0 ? "json_rpc" : field;
}

static void
check_needs(const struct check *check)
{
	const Endpoint *endpoint = check->endpoint;

	for (size_t i = 0; i < COUNT(needs); i++) {
		const ProtobufCFieldDescriptor *field =
		    protobuf_c_message_descriptor_get_field_by_name(endpoint->base.descriptor, needs[i].field);
		const void *at = (const char *)endpoint + field->offset;
		const char *name = shown_name(field->name);

		if ((needs[i].useful & BIT(check->protocol)) != 0 || !field_set(&endpoint->base, field))
			continue;
		if (check->protocol == ENDPOINT_TCP)
			check_error(check, at, name, NULL, "protocol tcp takes no settings of inspected protocols");
		else if (strcmp(name, "deny_rules") == 0)
			check_error(check, at, name, NULL, "needs a protocol: without one nothing is inspected");
		else if (needs[i].refused)
			check_error(check, at, name, NULL, "only protocol mcp has %s options", name);
		else if (check->protocol == ENDPOINT_L4)
			check_warning(check, at, name, NULL, "has no effect without a protocol%s",
			    strcmp(name, "rules") == 0 ? ": every request is allowed (S16)" : "");
		else
			check_warning(check, at, name, NULL, "has no effect with protocol %s", endpoint->protocol);
	}
}

static void
check_ports(const struct check *check)
{
	const Endpoint *endpoint = check->endpoint;
	const uint32_t *ports;
	size_t n = endpoint_ports(endpoint, &ports);
	char shown[16];

	if (n == 0)
		check_error(check, endpoint->has_port ? &endpoint->port : NULL, "port", NULL,
		    "must declare at least one port, 1 to 65535");
	for (size_t i = 0; i < n; i++) {
		if (ports[i] >= 1 && ports[i] <= UINT16_MAX)
			continue;
		snprintf(shown, sizeof(shown), "%u", ports[i]);
		check_error(
		    check, &ports[i], endpoint->n_ports > 0 ? "ports" : "port", shown, "must be within 1 to 65535");
	}
}

static void
check_addresses(const struct check *check)
{
	const Endpoint *endpoint = check->endpoint;
	char field[40];

	for (size_t i = 0; i < endpoint->n_allowed_ips; i++) {
		const char *text = text_or(endpoint->allowed_ips[i]);
		struct range range;

		snprintf(field, sizeof(field), "allowed_ips[%zu]", i);
		if (!range_parse(span_of_text(text), &range))
			check_error(check, &endpoint->allowed_ips[i], field, text,
			    "is no address and no range, as 10.1.2.3, 10.0.0.0/16 or fd00::/64");
		else if (range_always_blocked(&range))
			check_error(check, &endpoint->allowed_ips[i], field, text,
			    "touches a range that is always blocked (loopback, link-local, unspecified, multicast, "
			    "metadata)");
		else if (range.bits < 16)
			check_warning(check, &endpoint->allowed_ips[i], field, text, "is wider than /16");
	}
}

/* A word out of a list; empty is always fine. */
static void
check_word(const struct check *check, bool warning, char *const *word, const char *field, const char *const *words,
    const char *allowed)
{
	if (*text_or(*word) == '\0')
		return;
	for (; *words != NULL; words++)
		if (strcmp(*word, *words) == 0)
			return;
	policy_check_say(check, warning, word, field, *word, "%s", allowed);
}

static void
check_words(const struct check *check)
{
	static const char *const tls[] = {"skip", NULL}, *const persisted[] = {"deny", "allow_registered", NULL},
				 *const access[] = {"read-only", "read-write", "full", NULL},
				 *const signing[] = {"sigv4", "sigv4:body", "sigv4:no_body", NULL};
	const Endpoint *endpoint = check->endpoint;
	const char *enforcement = text_or(endpoint->enforcement);

	if (check->protocol == ENDPOINT_UNKNOWN)
		check_error(check, &endpoint->protocol, "protocol", endpoint->protocol,
		    "unknown protocol (expected tcp, rest, websocket, graphql, sql, json-rpc, or mcp)");
	if (*enforcement != '\0' && strcasecmp(enforcement, "enforce") != 0 && strcasecmp(enforcement, "audit") != 0)
		check_error(check, &endpoint->enforcement, "enforcement", enforcement,
		    "is not known; allowed are enforce and audit");
	check_word(check, true, &endpoint->tls, "tls", tls, "has no effect; only the word skip has one");
	check_word(check, true, &endpoint->access, "access", access,
	    "is not known, so nothing is allowed; known are read-only, read-write and full");
	check_word(check, false, &endpoint->persisted_queries, "persisted_queries", persisted,
	    "is not known; allowed are deny and allow_registered");
	check_word(check, false, &endpoint->credential_signing, "credential_signing", signing,
	    "is not known; allowed are sigv4, sigv4:body and sigv4:no_body");
}

static void
check_credentials(const struct check *check)
{
	const Endpoint *endpoint = check->endpoint;
	const char *signing = text_or(endpoint->credential_signing);

	if (*signing != '\0' && *text_or(endpoint->signing_service) == '\0')
		check_error(check, &endpoint->credential_signing, "signing_service", NULL,
		    "is missing; credential_signing needs it, as s3");
	if (*signing != '\0' && endpoint->has_request_body_credential_rewrite &&
	    endpoint->request_body_credential_rewrite)
		check_error(check, &endpoint->credential_signing, "credential_signing", signing,
		    "cannot go with request_body_credential_rewrite: the signature would not fit the body");
	if (endpoint->credential_binding == NULL)
		return;
	if (*text_or(endpoint->credential_binding->provider) == '\0')
		check_error(check, endpoint->credential_binding, "credential_binding.provider", NULL,
		    "is missing; it names an attached provider");
	if ((check->flags & POLICY_CHECK_GLOBAL) != 0)
		check_error(check, endpoint->credential_binding, "credential_binding", NULL,
		    "is not allowed in a global policy");
}

static void
check_path(const struct check *check)
{
	const Endpoint *endpoint = check->endpoint;
	const char *path = text_or(endpoint->path);

	if (*path == '\0' || strcmp(path, "**") == 0)
		return;
	if (*path != '/')
		check_error(check, &endpoint->path, "path", path, "must start with / or be **");
	else
		policy_check_glob(check, &endpoint->path, "path", path, GLOB_PATH);
}

static void
check_limits(const struct check *check)
{
	const Endpoint *endpoint = check->endpoint;

	if (endpoint->has_graphql_max_body_bytes && endpoint->graphql_max_body_bytes == 0)
		check_error(
		    check, &endpoint->graphql_max_body_bytes, "graphql_max_body_bytes", "0", "must be positive");
	if (endpoint->has_json_rpc_max_body_bytes && endpoint->json_rpc_max_body_bytes == 0)
		check_error(check, &endpoint->json_rpc_max_body_bytes, "max_body_bytes", "0", "must be positive");
}

void
policy_check_endpoint(struct check *check)
{
	const Endpoint *endpoint = check->endpoint;
	bool inspected = (INSPECTED & BIT(check->protocol)) != 0;

	policy_check_host(check, (const char *const *)&endpoint->host);
	check_ports(check);
	check_addresses(check);
	check_words(check);
	check_credentials(check);
	check_limits(check);
	if ((check->flags & POLICY_CHECK_ADVICE) != 0)
		policy_check_advise(check);
	if (check->protocol == ENDPOINT_UNKNOWN)
		return;
	check_needs(check);
	check_path(check);
	policy_check_rules(check);
	if (check->protocol == ENDPOINT_SQL && endpoint_enforced(endpoint))
		check_error(check, &endpoint->enforcement, "enforcement", endpoint->enforcement,
		    "SQL is audited only; write audit");
	if (inspected && endpoint_tls_skip(endpoint) && endpoint_has_port(endpoint, 443))
		check_warning(check, &endpoint->tls, "tls", endpoint->tls,
		    "on port 443 the protocol cannot be inspected when TLS is not opened");
}
