/* The ambiguity check: two endpoints that the same request could belong to must not say different things (3.4). */
#include "common/policy/check.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/clean.h"
#include "common/base/text.h"
#include "common/policy/cost.h"
#include "common/policy/endpoint.h"
#include "common/policy/glob.h"
#include "common/policy/messages.h"

#define PAIRS_MAX 4000000 /* looked at; past it the policy is too large */

/* An endpoint, and what is compared of it. */
struct seen {
	const Endpoint *endpoint;
	const char *policy; /* key */
	size_t index;
	const uint32_t *ports;
	size_t ports_n;
	struct span host, path;
	uint64_t weight;    /* of host and path together, to compare */
	bool pattern;	    /* the host is one */
	size_t specificity; /* of path: bytes that are no '*' */
	bool request;	    /* says something about requests */
};

struct difference {
	struct text *text;
	bool any;
};

static void
differ(struct difference *difference, const char *field, const char *left, const char *right)
{
	text_add(difference->text, "%s%s=%s vs %s", difference->any ? ", " : "", field, *left == '\0' ? "(none)" : left,
	    *right == '\0' ? "(none)" : right);
	difference->any = true;
}

static void
differ_flag(struct difference *difference, const char *field, bool left, bool right)
{
	if (left != right)
		differ(difference, field, left ? "true" : "false", right ? "true" : "false");
}

static void
differ_text(struct difference *difference, const char *field, const char *left, const char *right)
{
	if (strcmp(text_or(left), text_or(right)) != 0)
		differ(difference, field, finding_quote(text_or(left)), finding_quote(text_or(right)));
}

static void
differ_number(struct difference *difference, const char *field, uint32_t left, uint32_t right)
{
	char l[16] = "", r[16] = "";
	struct text a = TEXT_OF(l), b = TEXT_OF(r);

	if (left == right)
		return;
	text_add(&a, "%u", left);
	text_add(&b, "%u", right);
	differ(difference, field, l, r);
}

static bool
listed(const Endpoint *endpoint, const char *address)
{
	for (size_t i = 0; i < endpoint->n_allowed_ips; i++)
		if (strcmp(endpoint->allowed_ips[i], address) == 0)
			return true;
	return false;
}

static bool
all_listed(const Endpoint *a, const Endpoint *b)
{
	for (size_t i = 0; i < a->n_allowed_ips; i++)
		if (!listed(b, a->allowed_ips[i]))
			return false;
	return true;
}

static void
compare_connection(struct difference *difference, const Endpoint *a, const Endpoint *b)
{
	differ_flag(difference, "tcp", endpoint_protocol(a) == ENDPOINT_TCP, endpoint_protocol(b) == ENDPOINT_TCP);
	if (endpoint_tls_skip(a) != endpoint_tls_skip(b))
		differ(difference, "tls", endpoint_tls_skip(a) ? "skip" : "automatic",
		    endpoint_tls_skip(b) ? "skip" : "automatic");
	if (!all_listed(a, b) || !all_listed(b, a))
		differ(difference, "allowed_ips", "one list", "another");
	differ_flag(difference, "advisor_proposed", a->advisor_proposed, b->advisor_proposed);
}

static const char *
protocol_word(const Endpoint *endpoint)
{
	static const char *const words[] = {"", "tcp", "rest", "websocket", "graphql", "sql", "json-rpc", "mcp"};
	enum endpoint_protocol protocol = endpoint_protocol(endpoint);

	return protocol == ENDPOINT_UNKNOWN ? endpoint->protocol : words[protocol];
}

static uint32_t
limit(bool has, uint32_t bytes)
{
	return has && bytes != 0 ? bytes : ENDPOINT_BODY_BYTES;
}

static bool
strict_names(const Endpoint *endpoint)
{
	return endpoint->mcp == NULL || !endpoint->mcp->has_strict_tool_names || endpoint->mcp->strict_tool_names;
}

static const char *
provider_of(const Endpoint *endpoint)
{
	return endpoint->credential_binding == NULL ? "" : endpoint->credential_binding->provider;
}

static void
compare_request(struct difference *difference, const Endpoint *a, const Endpoint *b)
{
	differ_text(difference, "protocol", protocol_word(a), protocol_word(b));
	differ_text(difference, "enforcement", endpoint_enforced(a) ? "enforce" : "audit",
	    endpoint_enforced(b) ? "enforce" : "audit");
	differ_flag(difference, "allow_encoded_slash", a->allow_encoded_slash, b->allow_encoded_slash);
	differ_flag(difference, "websocket_credential_rewrite", a->websocket_credential_rewrite,
	    b->websocket_credential_rewrite);
	differ_flag(difference, "request_body_credential_rewrite", a->request_body_credential_rewrite,
	    b->request_body_credential_rewrite);
	differ_text(difference, "credential_signing", a->credential_signing, b->credential_signing);
	differ_text(difference, "signing_service", a->signing_service, b->signing_service);
	differ_text(difference, "signing_region", a->signing_region, b->signing_region);
	differ_text(difference, "credential_binding", provider_of(a), provider_of(b));
	differ_number(difference, "graphql_max_body_bytes",
	    limit(a->has_graphql_max_body_bytes, a->graphql_max_body_bytes),
	    limit(b->has_graphql_max_body_bytes, b->graphql_max_body_bytes));
	differ_number(difference, "max_body_bytes", limit(a->has_json_rpc_max_body_bytes, a->json_rpc_max_body_bytes),
	    limit(b->has_json_rpc_max_body_bytes, b->json_rpc_max_body_bytes));
	differ_flag(difference, "mcp.strict_tool_names", strict_names(a), strict_names(b));
	if (endpoint_protocol(a) == ENDPOINT_WEBSOCKET && endpoint_protocol(b) == ENDPOINT_WEBSOCKET)
		differ_flag(difference, "graphql_rules", endpoint_graphql_rules(a), endpoint_graphql_rules(b));
}

static bool
has_port(const struct seen *seen, uint32_t port)
{
	for (size_t i = 0; i < seen->ports_n; i++)
		if (seen->ports[i] == port)
			return true;
	return false;
}

static bool
share_port(const struct seen *a, const struct seen *b)
{
	for (size_t i = 0; i < a->ports_n; i++)
		if (has_port(b, a->ports[i]))
			return true;
	return false;
}

static void
ports_add(const struct seen *a, const struct seen *b, struct text *text)
{
	for (size_t i = 0; i < a->ports_n; i++)
		if (has_port(b, a->ports[i]))
			text_add(text, "%s%u", text->length == 0 ? "" : ", ", a->ports[i]);
}

/* They mean the same connections: do they say the same about them? */
static void
compare_same(const struct seen *a, const struct seen *b, struct findings *findings)
{
	char words[400] = "", ports[60] = "";
	struct text text = TEXT_OF(words), port_text = TEXT_OF(ports);
	struct difference difference = {&text, false};

	compare_connection(&difference, a->endpoint, b->endpoint);
	if (a->request && b->request && a->specificity == b->specificity && glob_overlap(a->path, b->path, GLOB_ROUTE))
		compare_request(&difference, a->endpoint, b->endpoint);
	if (!difference.any)
		return;
	ports_add(a, b, &port_text);
	finding_add(findings, false, b->endpoint, b->endpoint,
	    "ambiguity: network policy %s endpoint %zu and network policy %s endpoint %zu mean the same connections "
	    "(%s, port %s) and contradict each other: %s",
	    finding_quote(a->policy), a->index, finding_quote(b->policy), b->index,
	    finding_quote(text_or(b->endpoint->host)), ports, words);
}

/* false: it would take too long. */
static bool
compare(const struct seen *a, const struct seen *b, struct cost *cost, struct findings *findings)
{
	if (!share_port(a, b))
		return true;
	if ((a->pattern || b->pattern) && !cost_add(cost, a->weight, b->weight))
		return false;
	if (glob_overlap(a->host, b->host, GLOB_HOST))
		compare_same(a, b, findings);
	return true;
}

static struct seen
see(const char *policy, const Endpoint *endpoint, size_t index)
{
	enum endpoint_protocol protocol = endpoint_protocol(endpoint);
	struct seen seen = {.endpoint = endpoint,
	    .policy = policy,
	    .index = index,
	    .host = span_of_text(endpoint->host),
	    .path = span_of_text(endpoint->path)};

	seen.ports_n = endpoint_ports(endpoint, &seen.ports);
	for (size_t i = 0; i < seen.path.length; i++)
		seen.specificity += seen.path.at[i] != '*';
	seen.pattern = memchr(text_or(endpoint->host), '*', seen.host.length) != NULL || seen.path.length > 0;
	seen.weight = cost_weight(seen.host) + cost_weight(seen.path);
	seen.request = (protocol != ENDPOINT_L4 && protocol != ENDPOINT_TCP) || endpoint->n_allowed_ips > 0 ||
		       *text_or(endpoint->tls) != '\0' || endpoint->credential_binding != NULL;
	return seen;
}

enum err
policy_check_overlap(const Policy *policy, struct findings *findings, struct why *why)
{
	struct findings found = {.arena = findings->arena};
	struct cost cost = {0};
	struct seen *all;
	size_t n = 0;
	enum err r;

	for (size_t i = 0; i < policy->n_network_policies; i++)
		n += policy->network_policies[i]->value == NULL ? 0 : policy->network_policies[i]->value->n_endpoints;
	if ((all = arena_array(findings->arena, n + 1, sizeof(*all))) == NULL || n * n / 2 > PAIRS_MAX)
		return fail(why, ERR_LIMIT, "the policy has too many endpoints (%zu)", n);
	n = 0;
	for (size_t i = 0; i < policy->n_network_policies; i++) {
		const RuleEntry *entry = policy->network_policies[i];

		for (size_t j = 0; entry->value != NULL && j < entry->value->n_endpoints; j++, n++) {
			all[n] = see(text_or(entry->key), entry->value->endpoints[j], j);
			for (size_t k = 0; k < n; k++)
				if (!compare(&all[k], &all[n], &cost, &found))
					return fail(why, ERR_LIMIT,
					    "the policy has too many host and path patterns to compare; write fewer or "
					    "plainer ones");
		}
	}
	for (size_t i = 0; i < found.count; i++)
		finding_add(findings, false, found.items[i].at[0], found.items[i].at[1], "%s", found.items[i].text);
	r = findings_why(&found, ERR_STATE, why);
	return r == OK ? OK : because(why, r, "ambiguity validation failed");
}
