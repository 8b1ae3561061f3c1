/* Merge operations: dispatch, and the small ones. */
#include "common/policy/merge.h"

#include <string.h>
#include <strings.h>

#include "common/base/clean.h"
#include "common/policy/canonical.h"
#include "common/policy/check.h"
#include "common/policy/endpoint.h"
#include "common/policy/merging.h"
#include "common/wire/protobuf.h"

#define Operation Openshell__V1__PolicyMergeOperation

bool
merge_reserved(const char *name)
{
	return strncmp(text_or(name), POLICY_PROVIDER_PREFIX, strlen(POLICY_PROVIDER_PREFIX)) == 0;
}

bool
merge_same_host(const Endpoint *endpoint, const char *host)
{
	return strcasecmp(text_or(endpoint->host), text_or(host)) == 0;
}

char *
policy_rule_name(struct arena *arena, const char *host, uint32_t port)
{
	char *name = arena_format(arena, "allow_%s_%u", host, port);

	for (char *c = name; c != NULL && *c != '\0'; c++)
		if (*c == '.' || *c == '-')
			*c = '_';
	return name;
}

/* ---- finding ---- */

static RuleEntry *
rule_by_name(const struct merging *merging, const char *name)
{
	for (size_t i = 0; i < merging->policy->n_network_policies; i++)
		if (strcmp(text_or(merging->policy->network_policies[i]->key), name) == 0)
			return merging->policy->network_policies[i];
	return NULL;
}

static void
rule_drop(struct merging *merging, const RuleEntry *entry)
{
	Policy *policy = merging->policy;
	size_t kept = 0;

	for (size_t i = 0; i < policy->n_network_policies; i++)
		if (policy->network_policies[i] != entry)
			policy->network_policies[kept++] = policy->network_policies[i];
	policy->n_network_policies = kept;
}

static enum err
reference_check(const char *host, uint32_t port, struct why *why)
{
	if (*text_or(host) == '\0')
		return fail(why, ERR_INVALID, "host is missing");
	if (port < 1 || port > UINT16_MAX)
		return fail(why, ERR_INVALID, "port %u is not within 1 to 65535", port);
	return OK;
}

static enum err
name_check(const char *name, struct why *why)
{
	if (*text_or(name) == '\0')
		return fail(why, ERR_INVALID, "rule_name is missing");
	if (merge_reserved(name))
		return fail(why, ERR_INVALID, "rule_name '%.60s': names that begin with %s are reserved for providers",
		    name, POLICY_PROVIDER_PREFIX);
	return OK;
}

/* The one endpoint of the user's own rules at host and port. */
static enum err
endpoint_find(const struct merging *merging, const char *host, uint32_t port, Endpoint **out, struct why *why)
{
	const Policy *policy = merging->policy;
	Endpoint *found = NULL;

	for (size_t i = 0; i < policy->n_network_policies; i++) {
		Rule *rule = policy->network_policies[i]->value;

		for (size_t j = 0; !merge_reserved(policy->network_policies[i]->key) && j < rule->n_endpoints; j++) {
			if (!merge_same_host(rule->endpoints[j], host) || !endpoint_has_port(rule->endpoints[j], port))
				continue;
			if (found != NULL)
				return fail(
				    why, ERR_STATE, "ambiguous endpoint: there are several %.100s:%u", host, port);
			found = rule->endpoints[j];
		}
	}
	*out = found;
	return found == NULL ? fail(why, ERR_STATE, "endpoint not found: no %.100s:%u in your rules", host, port) : OK;
}

/* ---- operations ---- */

static enum err
inspected_check(const Endpoint *endpoint, struct why *why)
{
	enum endpoint_protocol protocol = endpoint_protocol(endpoint);

	if (protocol == ENDPOINT_L4 || protocol == ENDPOINT_TCP)
		return fail(why, ERR_STATE, "endpoint has no inspection: its requests are not looked at");
	if (protocol != ENDPOINT_REST && protocol != ENDPOINT_WEBSOCKET)
		return fail(why, ERR_STATE, "unsupported protocol %.30s; rules can be added to rest and websocket",
		    endpoint->protocol);
	return OK;
}

static enum err
add_allow_rules(struct merging *merging, const Openshell__V1__AddAllowRules *in, struct why *why)
{
	ProtobufCMessage *copy;
	Endpoint *endpoint;
	enum err r;

	if ((r = reference_check(in->host, in->port, why)) != OK)
		return r;
	if (in->n_rules == 0)
		return fail(why, ERR_INVALID, "rules is empty");
	for (size_t i = 0; i < in->n_rules; i++)
		if (in->rules[i]->allow == NULL)
			return fail(why, ERR_INVALID, "rules[%zu] has no allow", i);
	if ((r = endpoint_find(merging, in->host, in->port, &endpoint, why)) != OK ||
	    (r = inspected_check(endpoint, why)) != OK)
		return r;
	if (*text_or(endpoint->access) != '\0' && (r = merge_expand(merging->arena, endpoint, why)) != OK)
		return r;
	for (size_t i = 0; i < in->n_rules; i++)
		if ((r = merge_copy(merging->arena, &in->rules[i]->base, &copy, why)) != OK ||
		    (r = merge_append_new(
			 merging->arena, (void ***)(void *)&endpoint->rules, &endpoint->n_rules, copy, why)) != OK)
			return r;
	return OK;
}

static enum err
add_deny_rules(struct merging *merging, const Openshell__V1__AddDenyRules *in, struct why *why)
{
	ProtobufCMessage *copy;
	Endpoint *endpoint;
	enum err r;

	if ((r = reference_check(in->host, in->port, why)) != OK)
		return r;
	if (in->n_deny_rules == 0)
		return fail(why, ERR_INVALID, "deny_rules is empty");
	if ((r = endpoint_find(merging, in->host, in->port, &endpoint, why)) != OK ||
	    (r = inspected_check(endpoint, why)) != OK)
		return r;
	if (endpoint->n_rules == 0 && *text_or(endpoint->access) == '\0')
		return fail(why, ERR_STATE, "endpoint has no allow base: neither rules nor access to take from");
	for (size_t i = 0; i < in->n_deny_rules; i++)
		if ((r = merge_copy(merging->arena, &in->deny_rules[i]->base, &copy, why)) != OK ||
		    (r = merge_append_new(merging->arena, (void ***)(void *)&endpoint->deny_rules,
			 &endpoint->n_deny_rules, copy, why)) != OK)
			return r;
	return OK;
}

/* Take a port from an endpoint; false: it has none left. */
static bool
port_drop(Endpoint *endpoint, uint32_t port)
{
	size_t kept = 0;

	for (size_t i = 0; i < endpoint->n_ports; i++)
		if (endpoint->ports[i] != port)
			endpoint->ports[kept++] = endpoint->ports[i];
	endpoint->n_ports = kept;
	if (kept == 0 || endpoint->port == port)
		endpoint->has_port = endpoint->port = 0; /* without a list, the single one was meant */
	return kept > 0;
}

/* From one rule; returns how many endpoints lost the port. */
static size_t
endpoints_drop(Rule *rule, const char *host, uint32_t port)
{
	size_t kept = 0, hit = 0;

	for (size_t i = 0; i < rule->n_endpoints; i++) {
		Endpoint *endpoint = rule->endpoints[i];
		bool same = merge_same_host(endpoint, host) && endpoint_has_port(endpoint, port);

		hit += same;
		if (!same || port_drop(endpoint, port))
			rule->endpoints[kept++] = endpoint;
	}
	rule->n_endpoints = kept;
	return hit;
}

static enum err
remove_endpoint(struct merging *merging, const Openshell__V1__RemoveNetworkEndpoint *in, struct why *why)
{
	Policy *policy = merging->policy;
	size_t hit = 0;
	enum err r;

	if ((r = reference_check(in->host, in->port, why)) != OK)
		return r;
	if (*text_or(in->rule_name) != '\0' && (r = name_check(in->rule_name, why)) != OK)
		return r;
	for (size_t i = 0; i < policy->n_network_policies; i++) {
		RuleEntry *entry = policy->network_policies[i];
		size_t before = hit;

		if (merge_reserved(entry->key) ||
		    (*text_or(in->rule_name) != '\0' && strcmp(text_or(entry->key), in->rule_name) != 0))
			continue;
		hit += endpoints_drop(entry->value, in->host, in->port);
		if (hit > before && entry->value->n_endpoints == 0) {
			rule_drop(merging, entry);
			i--;
		}
	}
	return hit > 0 ? OK
		       : fail(why, ERR_STATE, "endpoint not found: no %.100s:%u in %s%.60s", in->host, in->port,
			     *text_or(in->rule_name) == '\0' ? "your rules" : "rule ", text_or(in->rule_name));
}

static enum err
remove_rule(struct merging *merging, const Openshell__V1__RemoveNetworkRule *in, struct why *why)
{
	const RuleEntry *entry;
	enum err r;

	if ((r = name_check(in->rule_name, why)) != OK)
		return r;
	if ((entry = rule_by_name(merging, in->rule_name)) == NULL)
		return fail(why, ERR_STATE, "no rule %.60s", in->rule_name);
	rule_drop(merging, entry);
	return OK;
}

static enum err
remove_binary(struct merging *merging, const Openshell__V1__RemoveNetworkBinary *in, struct why *why)
{
	RuleEntry *entry;
	Rule *rule;
	size_t kept = 0;
	enum err r;

	if ((r = name_check(in->rule_name, why)) != OK)
		return r;
	if (*text_or(in->binary_path) == '\0')
		return fail(why, ERR_INVALID, "binary_path is missing");
	if ((entry = rule_by_name(merging, in->rule_name)) == NULL)
		return fail(why, ERR_STATE, "no rule %.60s", in->rule_name);
	rule = entry->value;
	if (rule->n_binaries == 0)
		return fail(why, ERR_STATE, "cannot remove from rule %.60s, which names no binary", in->rule_name);
	for (size_t i = 0; i < rule->n_binaries; i++)
		if (strcmp(text_or(rule->binaries[i]->path), in->binary_path) != 0)
			rule->binaries[kept++] = rule->binaries[i];
	if (kept == rule->n_binaries)
		return fail(why, ERR_STATE, "no binary %.200s in rule %.60s", in->binary_path, in->rule_name);
	rule->n_binaries = kept;
	if (kept == 0)
		rule_drop(merging, entry); /* never leave a rule that reads as "any" elsewhere */
	return OK;
}

static enum err
apply(struct merging *merging, const Operation *operation, struct why *why)
{
	enum err r;

	switch (operation->operation_case) {
	case OPENSHELL__V1__POLICY_MERGE_OPERATION__OPERATION_ADD_RULE:
		r = name_check(operation->add_rule->rule_name, why);
		return r == OK ? merge_add_rule(merging, operation->add_rule, why) : r;
	case OPENSHELL__V1__POLICY_MERGE_OPERATION__OPERATION_REMOVE_ENDPOINT:
		return remove_endpoint(merging, operation->remove_endpoint, why);
	case OPENSHELL__V1__POLICY_MERGE_OPERATION__OPERATION_REMOVE_RULE:
		return remove_rule(merging, operation->remove_rule, why);
	case OPENSHELL__V1__POLICY_MERGE_OPERATION__OPERATION_ADD_DENY_RULES:
		return add_deny_rules(merging, operation->add_deny_rules, why);
	case OPENSHELL__V1__POLICY_MERGE_OPERATION__OPERATION_ADD_ALLOW_RULES:
		return add_allow_rules(merging, operation->add_allow_rules, why);
	case OPENSHELL__V1__POLICY_MERGE_OPERATION__OPERATION_REMOVE_BINARY:
		return remove_binary(merging, operation->remove_binary, why);
	default:
		return fail(why, ERR_INVALID, "says nothing to do");
	}
}

enum err
policy_merge(const Policy *policy, Operation *const *operations, size_t n, struct findings *findings, Policy **out,
    struct why *why)
{
	struct merging merging = {NULL, findings, findings->arena};
	enum err r;

	if (n > POLICY_MERGE_MAX)
		return fail(why, ERR_INVALID, "%zu merge operations, at most %d at once", n, POLICY_MERGE_MAX);
	if ((r = policy_canonical(policy, findings->arena, &merging.policy, why)) != OK)
		return r;
	for (size_t i = 0; i < n; i++)
		if ((r = apply(&merging, operations[i], why)) != OK)
			return because(why, r, "operation %zu", i + 1);
	return policy_canonical(merging.policy, findings->arena, out, why);
}
