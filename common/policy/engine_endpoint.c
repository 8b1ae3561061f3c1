/* Endpoints of a policy into an engine. */
#include "common/policy/engine_building.h"

#include <stdlib.h>
#include <strings.h>

#define Endpoint Openshell__Sandbox__V1__NetworkEndpoint

#define BODY_MAX_DEFAULT 65536u
#define BODY_MAX_MOST	 (64u << 20)

static int
port_order(const void *a, const void *b)
{
	uint16_t x, y;

	memcpy(&x, a, sizeof(x));
	memcpy(&y, b, sizeof(y));
	return x < y ? -1 : x > y;
}

static enum err
ports_read(struct engine_building *b, struct engine_endpoint *endpoint, const Endpoint *from)
{
	uint16_t *ports = building_keep(b, from->n_ports + 1, sizeof(*ports));

	if (ports == NULL)
		return building_limit(b);
	for (size_t i = 0; i < from->n_ports; i++)
		if (from->ports[i] > 0 && from->ports[i] <= UINT16_MAX)
			ports[endpoint->ports_n++] = (uint16_t)from->ports[i];
	if (from->n_ports == 0 && from->port > 0 && from->port <= UINT16_MAX)
		ports[endpoint->ports_n++] = (uint16_t)from->port;
	qsort(ports, endpoint->ports_n, sizeof(*ports), port_order);
	endpoint->ports = ports;
	return OK;
}

static enum err
texts_read(struct engine_building *b, char **from, size_t n, const struct span **out)
{
	struct span *texts = building_keep(b, n + 1, sizeof(*texts));

	for (size_t i = 0; texts != NULL && i < n; i++)
		if ((texts[i] = building_text(b, from[i], false)).at == NULL)
			return building_limit(b);
	*out = texts;
	return texts == NULL ? building_limit(b) : OK;
}

static enum err
host_read(struct engine_building *b, struct engine_endpoint *endpoint, uint32_t number, const Endpoint *from)
{
	struct span host = building_text(b, from->host, true);
	uint32_t group;
	size_t star;
	enum err r;

	if (host.at == NULL)
		return building_limit(b);
	if (host.length == 0 && from->n_allowed_ips == 0)
		return OK; /* a name of nothing */
	endpoint->exact = host.length > 0 && !span_find(host, '*', &star);
	if ((r = groups_put(&b->hosts, MATCHER_HOST, &host, 1, &group, b->why)) != OK)
		return r;
	return pairs_add(b, &b->host_endpoints, group, number);
}

static enum err
path_read(struct engine_building *b, struct engine_endpoint *endpoint, const Endpoint *from)
{
	struct span path = span_of_text(from->path);
	enum err r;

	endpoint->path = endpoint->route = ENGINE_PATH_ANY;
	for (size_t i = 0; i < path.length; i++)
		endpoint->specificity += path.at[i] != '*';
	if (path.length == 0 || span_is(path, "**"))
		return OK;
	if ((r = groups_put(&b->paths, MATCHER_PATH, &path, 1, &endpoint->path, b->why)) != OK)
		return r;
	return groups_put(&b->routes, MATCHER_ROUTE, &path, 1, &endpoint->route, b->why);
}

static enum err
registry_read(struct engine_building *b, struct engine_endpoint *endpoint, const Endpoint *from)
{
	size_t n = from->n_graphql_persisted_queries;
	struct engine_registered *registered = building_keep(b, n + 1, sizeof(*registered));
	enum err r;

	if (registered == NULL)
		return building_limit(b);
	endpoint->registry.arena = b->keep;
	endpoint->registered = registered;
	for (size_t i = 0; i < n; i++) {
		const Openshell__Sandbox__V1__GraphqlOperation *value = from->graphql_persisted_queries[i]->value;
		uint32_t at;

		if ((r = names_put(&endpoint->registry, span_of_text(from->graphql_persisted_queries[i]->key), &at,
			 b->why)) != OK)
			return r;
		registered[at].type = engine_operation_of(value->operation_type);
		registered[at].name = building_text(b, value->operation_name, false);
		registered[at].fields_n = value->n_fields;
		if ((r = texts_read(b, value->fields, value->n_fields, &registered[at].fields)) != OK)
			return r;
	}
	return OK;
}

static uint32_t
body_max(enum engine_protocol protocol, const Endpoint *from)
{
	uint32_t max = protocol == PROTOCOL_JSON_RPC || protocol == PROTOCOL_MCP ? from->json_rpc_max_body_bytes
										 : from->graphql_max_body_bytes;

	if (max == 0)
		return BODY_MAX_DEFAULT;
	return max < BODY_MAX_MOST ? max : BODY_MAX_MOST;
}

static void
settings_read(struct engine_endpoint *endpoint, const Endpoint *from)
{
	endpoint->protocol = engine_protocol_of(from->protocol);
	endpoint->enforce = from->enforcement != NULL && strcasecmp(from->enforcement, "enforce") == 0;
	endpoint->tls_skip = from->tls != NULL && strcmp(from->tls, "skip") == 0;
	endpoint->encoded_slash = from->allow_encoded_slash;
	endpoint->advisor = from->advisor_proposed;
	endpoint->registered_only =
	    from->persisted_queries != NULL && strcmp(from->persisted_queries, "allow_registered") == 0;
	endpoint->strict_tools = from->mcp == NULL || !from->mcp->has_strict_tool_names || from->mcp->strict_tool_names;
	endpoint->body_max = body_max(endpoint->protocol, from);
}

/* 9.2, 9.5, 9.6. The two spellings of nothing are one. */
static enum err
credentials_read(struct engine_building *b, struct engine_endpoint *endpoint, const Endpoint *from)
{
	static const struct {
		const char *word;
		enum engine_signing signing;
	} words[] = {
	    {"sigv4", ENGINE_SIGN_AS_CLIENT}, {"sigv4:body", ENGINE_SIGN_BODY}, {"sigv4:no_body", ENGINE_SIGN_NO_BODY}};
	const char *signing = from->credential_signing == NULL ? "" : from->credential_signing;

	endpoint->rewrite_body = from->request_body_credential_rewrite;
	endpoint->rewrite_messages = from->websocket_credential_rewrite;
	endpoint->must_inspect = from->provider_credentialed && !from->allow_uninspected_credentials;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strcmp(signing, words[i].word) == 0)
			endpoint->signing = words[i].signing;
	if (endpoint->signing == ENGINE_SIGN_NOT)
		return OK;
	endpoint->sign_service = building_text(b, from->signing_service, false);
	endpoint->sign_region = building_text(b, from->signing_region, false);
	return endpoint->sign_service.at == NULL || endpoint->sign_region.at == NULL ? building_limit(b) : OK;
}

enum err
building_endpoint(struct engine_building *b, uint32_t policy, const Endpoint *from)
{
	uint32_t number = b->engine->endpoints_n;
	struct engine_endpoint *endpoint = &b->engine->endpoints[number];
	enum err r;

	endpoint->policy = policy;
	endpoint->allowed_ips_n = from->n_allowed_ips;
	settings_read(endpoint, from);
	if ((r = ports_read(b, endpoint, from)) != OK || (r = credentials_read(b, endpoint, from)) != OK ||
	    (r = host_read(b, endpoint, number, from)) != OK || (r = path_read(b, endpoint, from)) != OK ||
	    (r = registry_read(b, endpoint, from)) != OK ||
	    (r = texts_read(b, from->allowed_ips, from->n_allowed_ips, &endpoint->allowed_ips)) != OK ||
	    (r = building_rules(b, endpoint, number, from)) != OK)
		return r;
	b->engine->endpoints_n++;
	return OK;
}
