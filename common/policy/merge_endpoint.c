/* Two endpoints that mean the same destination put together: lists grow, flags add up, single values stay. */
#include "common/policy/merging.h"

#include <string.h>
#include <strings.h>

#include "common/base/clean.h"
#include "common/policy/endpoint.h"

/* Single values that stay as they are where they differ. */
static const char *const kept[] = {"protocol", "tls", "enforcement", "access", "persisted_queries",
    "graphql_max_body_bytes", "credential_signing", "signing_service", "signing_region", "json_rpc_max_body_bytes"};

static const char *const added[] = {"allow_encoded_slash", "websocket_credential_rewrite",
    "request_body_credential_rewrite", "allow_uninspected_credentials", "redact_credentials"};

static const ProtobufCFieldDescriptor *
field_of(const Endpoint *endpoint, const char *name)
{
	return protobuf_c_message_descriptor_get_field_by_name(endpoint->base.descriptor, name);
}

static void
keep(struct merging *merging, const Endpoint *to, const Endpoint *from, const char *name)
{
	const ProtobufCFieldDescriptor *field = field_of(to, name);
	const char *a = (const char *)to + field->offset, *b = (const char *)from + field->offset;
	bool differs;

	if (field->type == PROTOBUF_C_TYPE_STRING) {
		const char *old = text_or(*(char *const *)a), *new = text_or(*(char *const *)b);

		differs = *new != '\0' && strcasecmp(old, new) != 0;
	} else {
		differs = *(const uint32_t *)b != 0 && memcmp(a, b, sizeof(uint32_t)) != 0;
	}
	if (differs)
		merge_warning(merging, "endpoint %s: %s stays as it was", finding_quote(text_or(to->host)), name);
}

static void
add_flag(Endpoint *to, const Endpoint *from, const char *name)
{
	const ProtobufCFieldDescriptor *field = field_of(to, name);

	if (!*(const protobuf_c_boolean *)((const char *)from + field->offset))
		return;
	*(protobuf_c_boolean *)((char *)to + field->offset) = true;
	*(protobuf_c_boolean *)((char *)to + field->quantifier_offset) = true;
}

/* The list form, with the ports of both. */
static enum err
add_ports(struct arena *arena, Endpoint *to, const Endpoint *from, struct why *why)
{
	const uint32_t *old, *new;
	size_t old_n = endpoint_ports(to, &old), new_n = endpoint_ports(from, &new), n = old_n;
	uint32_t *ports = arena_array(arena, old_n + new_n + 1, sizeof(*ports));

	if (ports == NULL)
		return fail(why, ERR_LIMIT, "the policy is too large");
	memcpy(ports, old, old_n * sizeof(*ports));
	for (size_t i = 0; i < new_n; i++)
		if (!endpoint_has_port(to, new[i]))
			ports[n++] = new[i];
	if (n == old_n)
		return OK;
	to->ports = ports;
	to->n_ports = n;
	to->has_port = to->port = 0;
	return OK;
}

static enum err
add_addresses(struct arena *arena, Endpoint *to, const Endpoint *from, struct why *why)
{
	enum err r = OK;

	for (size_t i = 0; i < from->n_allowed_ips && r == OK; i++) {
		bool there = false;

		for (size_t j = 0; j < to->n_allowed_ips && !there; j++)
			there = strcmp(to->allowed_ips[j], from->allowed_ips[i]) == 0;
		if (!there)
			r = merge_append_any(
			    arena, (void ***)(void *)&to->allowed_ips, &to->n_allowed_ips, from->allowed_ips[i], why);
	}
	return r;
}

static enum err
add_messages(struct arena *arena, void ***to, size_t *n, ProtobufCMessage *const *from, size_t from_n, struct why *why)
{
	enum err r = OK;

	for (size_t i = 0; i < from_n && r == OK; i++)
		r = merge_append_new(arena, to, n, from[i], why);
	return r;
}

/* A preset stays one only where both say the same, or one says nothing. */
static enum err
add_rules(struct merging *merging, Endpoint *to, const Endpoint *from, struct why *why)
{
	struct arena *arena = merging->arena;
	Endpoint more = *from;
	enum err r;

	if (*text_or(from->access) != '\0' && strcmp(text_or(from->access), text_or(to->access)) != 0 &&
	    to->n_rules > 0) {
		more.protocol = to->protocol;
		more.rules = NULL;
		more.n_rules = 0;
		if ((r = merge_expand(arena, &more, why)) != OK)
			return r;
	}
	if (more.n_rules > 0 && *text_or(to->access) != '\0' && (r = merge_expand(arena, to, why)) != OK)
		return r;
	return add_messages(arena, (void ***)(void *)&to->rules, &to->n_rules,
	    (ProtobufCMessage *const *)(void *)more.rules, more.n_rules, why);
}

static enum err
add_registered(struct merging *merging, Endpoint *to, const Endpoint *from, struct why *why)
{
	enum err r = OK;

	for (size_t i = 0; i < from->n_graphql_persisted_queries && r == OK; i++) {
		bool there = false;

		for (size_t j = 0; j < to->n_graphql_persisted_queries && !there; j++)
			there = strcmp(text_or(to->graphql_persisted_queries[j]->key),
				    text_or(from->graphql_persisted_queries[i]->key)) == 0;
		if (there)
			merge_warning(merging, "endpoint %s: persisted query %s stays as it was",
			    finding_quote(text_or(to->host)),
			    finding_quote(text_or(from->graphql_persisted_queries[i]->key)));
		else
			r = merge_append_any(merging->arena, (void ***)(void *)&to->graphql_persisted_queries,
			    &to->n_graphql_persisted_queries, from->graphql_persisted_queries[i], why);
	}
	return r;
}

static bool
flag_differs(bool has_a, bool a, bool has_b, bool b, bool fallback)
{
	return (has_a ? a : fallback) != (has_b ? b : fallback);
}

/* MCP options are one contract: they do not mix. */
static enum err
mcp_check(const Endpoint *to, const Endpoint *from, struct why *why)
{
	static const Openshell__Sandbox__V1__McpOptions none = OPENSHELL__SANDBOX__V1__MCP_OPTIONS__INIT;
	const Openshell__Sandbox__V1__McpOptions *a = to->mcp == NULL ? &none : to->mcp, *b = from->mcp;

	if (b == NULL)
		return OK;
	if (flag_differs(
		a->has_strict_tool_names, a->strict_tool_names, b->has_strict_tool_names, b->strict_tool_names, true) ||
	    flag_differs(a->has_allow_all_known_mcp_methods, a->allow_all_known_mcp_methods,
		b->has_allow_all_known_mcp_methods, b->allow_all_known_mcp_methods, false))
		return fail(
		    why, ERR_STATE, "conflicting MCP contract at %.100s: its mcp options differ", text_or(to->host));
	return OK;
}

enum err
merge_endpoint(struct merging *merging, Endpoint *to, const Endpoint *from, struct why *why)
{
	struct arena *arena = merging->arena;
	enum err r;

	if ((r = mcp_check(to, from, why)) != OK)
		return r;
	for (size_t i = 0; i < COUNT(kept); i++)
		if (strcmp(kept[i], "access") != 0 || to->n_rules == 0)
			keep(merging, to, from, kept[i]);
	for (size_t i = 0; i < COUNT(added); i++)
		add_flag(to, from, added[i]);
	if ((r = add_ports(arena, to, from, why)) != OK || (r = add_addresses(arena, to, from, why)) != OK ||
	    (r = add_rules(merging, to, from, why)) != OK || (r = add_registered(merging, to, from, why)) != OK)
		return r;
	return add_messages(arena, (void ***)(void *)&to->deny_rules, &to->n_deny_rules,
	    (ProtobufCMessage *const *)(void *)from->deny_rules, from->n_deny_rules, why);
}
