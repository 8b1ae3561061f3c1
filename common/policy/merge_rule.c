/* add_rule: where a new rule goes, so that nobody gets what was not named. */
#include "common/policy/merging.h"

#include <string.h>
#include <strings.h>

#include "common/base/clean.h"
#include "common/policy/check.h"
#include "common/policy/destination.h"
#include "common/policy/endpoint.h"
#include "common/policy/range.h"

/* ---- what may not be added at all ---- */

static enum err
blocked_check(const Endpoint *endpoint, struct why *why)
{
	static const char *const names[] = {"localhost", "localhost.", "metadata.google.internal"};
	const char *host = text_or(endpoint->host);
	struct address address;
	struct range range;

	for (size_t i = 0; i < COUNT(names); i++)
		if (strcasecmp(host, names[i]) == 0)
			return fail(why, ERR_INVALID, "host '%s' is always blocked", host);
	if (address_parse(span_of_text(host), &address) && address_always_blocked(&address))
		return fail(why, ERR_INVALID, "host '%s' is always blocked", host);
	for (size_t i = 0; i < endpoint->n_allowed_ips; i++)
		if (range_parse(span_of_text(endpoint->allowed_ips[i]), &range) && range_always_blocked(&range))
			return fail(
			    why, ERR_INVALID, "allowed_ips '%.60s' is always blocked", endpoint->allowed_ips[i]);
	return OK;
}

/* Binaries are folded by their path: what else one asks for would be lost, so it is said here (S27). */
static enum err
scripts_check(const Rule *from, struct why *why)
{
	for (size_t i = 0; i < from->n_binaries; i++)
		if (from->binaries[i]->script != NULL)
			return fail(why, ERR_INVALID, "binaries[%zu].script: %s", i, POLICY_SCRIPT_WORDS);
	return OK;
}

static enum err
incoming_check(const Rule *rule, struct why *why)
{
	static const char *const presets[] = {"", "read-only", "read-write", "full"};
	const uint32_t *ports;
	bool known;
	enum err r;

	if (rule == NULL || rule->n_endpoints == 0)
		return fail(why, ERR_INVALID, "the rule has no endpoints");
	for (size_t i = 0; i < rule->n_endpoints; i++) {
		const char *access = text_or(rule->endpoints[i]->access);

		known = false;
		for (size_t j = 0; j < COUNT(presets); j++)
			known |= strcmp(access, presets[j]) == 0;
		if (!known)
			return fail(why, ERR_INVALID, "endpoint %zu: unknown access preset '%.40s'", i, access);
		if (endpoint_ports(rule->endpoints[i], &ports) == 0)
			return fail(why, ERR_INVALID, "endpoint %zu: port is missing", i);
		if ((r = blocked_check(rule->endpoints[i], why)) != OK)
			return because(why, r, "endpoint %zu", i);
	}
	return scripts_check(rule, why);
}

/* ---- the same endpoint elsewhere ---- */

static bool
same_endpoint(const Endpoint *a, const Endpoint *b)
{
	return merge_same_host(a, b->host) && strcmp(text_or(a->path), text_or(b->path)) == 0 &&
	       endpoint_share_port(a, b);
}

static Endpoint *
endpoint_in(const Rule *rule, const Endpoint *wanted)
{
	for (size_t i = 0; i < rule->n_endpoints; i++)
		if (same_endpoint(rule->endpoints[i], wanted))
			return rule->endpoints[i];
	return NULL;
}

static bool
binary_in(const Rule *rule, const char *path)
{
	for (size_t i = 0; i < rule->n_binaries; i++)
		if (strcmp(text_or(rule->binaries[i]->path), path) == 0)
			return true;
	return false;
}

static bool
ports_within(const Endpoint *inner, const Endpoint *outer)
{
	const uint32_t *ports;
	size_t n = endpoint_ports(inner, &ports);

	for (size_t i = 0; i < n; i++)
		if (!endpoint_has_port(outer, ports[i]))
			return false;
	return true;
}

/* Is all of this endpoint named by the rule? */
static bool
covered(const Rule *rule, const Endpoint *endpoint)
{
	const Endpoint *same = endpoint_in(rule, endpoint);

	return same != NULL && ports_within(endpoint, same);
}

/* Would the other's endpoint say more than the one that is there: more than a name for what exists? */
static bool
changes(const Endpoint *old, const Endpoint *new)
{
	return new->n_rules > 0 || new->n_deny_rules > 0 || new->n_allowed_ips > 0 ||
	       new->n_graphql_persisted_queries > 0 || (!old->allow_encoded_slash && new->allow_encoded_slash) ||
	       (!old->websocket_credential_rewrite && new->websocket_credential_rewrite) ||
	       (!old->request_body_credential_rewrite && new->request_body_credential_rewrite) ||
	       (!old->allow_uninspected_credentials && new->allow_uninspected_credentials);
}

/* Would folding give a binary an endpoint, or an endpoint a binary, that the operation does not name? */
static enum err
inherit_check(const Rule *to, const Rule *from, struct why *why)
{
	bool binaries_new = false, binaries_all = true;

	for (size_t i = 0; i < from->n_binaries; i++)
		binaries_new |= !binary_in(to, text_or(from->binaries[i]->path));
	for (size_t i = 0; i < to->n_binaries; i++)
		binaries_all &= binary_in(from, text_or(to->binaries[i]->path));
	for (size_t i = 0; i < to->n_endpoints && binaries_new; i++)
		if (!covered(from, to->endpoints[i]))
			return fail(why, ERR_STATE, "a new binary would inherit %.100s, which is not named",
			    text_or(to->endpoints[i]->host));
	for (size_t i = 0; i < from->n_endpoints; i++) {
		const Endpoint *old = endpoint_in(to, from->endpoints[i]);

		if (!binaries_all && (old == NULL || !ports_within(from->endpoints[i], old)))
			return fail(why, ERR_STATE,
			    "existing binaries would inherit %.100s; name them, or use another rule",
			    text_or(from->endpoints[i]->host));
		if (old != NULL && !ports_within(old, from->endpoints[i]) && changes(old, from->endpoints[i]))
			return fail(
			    why, ERR_STATE, "a port of %.100s that is not declared would change", text_or(old->host));
	}
	return OK;
}

/* Whatever holds the same host and port must look at it in the same way. */
static enum err
contract_check(const struct merging *merging, const Endpoint *endpoint, struct why *why)
{
	const Policy *policy = merging->policy;

	for (size_t i = 0; i < policy->n_network_policies; i++) {
		const Rule *rule = policy->network_policies[i]->value;

		for (size_t j = 0; j < rule->n_endpoints; j++) {
			const Endpoint *other = rule->endpoints[j];

			if (!merge_same_host(other, endpoint->host) || !endpoint_share_port(other, endpoint) ||
			    *text_or(endpoint->protocol) == '\0' ||
			    strcasecmp(text_or(other->protocol), endpoint->protocol) == 0)
				continue;
			return fail(why, ERR_STATE,
			    "conflicting inspection contracts for %.100s: protocol %.20s, but rule %.60s has %.20s",
			    text_or(endpoint->host), endpoint->protocol, policy->network_policies[i]->key,
			    *text_or(other->protocol) == '\0' ? "none" : other->protocol);
		}
	}
	return OK;
}

/* ---- folding ---- */

static enum err
fold(struct merging *merging, Rule *to, const Rule *from, struct why *why)
{
	struct arena *arena = merging->arena;
	enum err r = OK;

	for (size_t i = 0; i < from->n_endpoints && r == OK; i++) {
		Endpoint *same = endpoint_in(to, from->endpoints[i]);

		r = same != NULL ? merge_endpoint(merging, same, from->endpoints[i], why)
				 : merge_append(merging, to->endpoints, to->n_endpoints, from->endpoints[i], why);
	}
	for (size_t i = 0; i < from->n_binaries && r == OK; i++)
		if (!binary_in(to, text_or(from->binaries[i]->path)))
			r = merge_append_any(
			    arena, (void ***)(void *)&to->binaries, &to->n_binaries, from->binaries[i], why);
	return r;
}

static enum err
place(struct merging *merging, const char *name, Rule *rule, struct why *why)
{
	Policy *policy = merging->policy;
	RuleEntry *entry = arena_alloc(merging->arena, sizeof(*entry));

	if (entry == NULL)
		return fail(why, ERR_LIMIT, "the policy is too large");
	openshell__sandbox__v1__sandbox_policy__network_policies_entry__init(entry);
	entry->value = rule;
	if ((entry->key = arena_text(merging->arena, span_of_text(name))) == NULL)
		return fail(why, ERR_LIMIT, "the policy is too large");
	return merge_append(merging, policy->network_policies, policy->n_network_policies, entry, why);
}

/* The rule of that name, or another of the user's that holds one of the endpoints. */
static RuleEntry *
target_of(const struct merging *merging, const char *name, const Rule *rule)
{
	const Policy *policy = merging->policy;

	for (size_t i = 0; i < policy->n_network_policies; i++)
		if (strcmp(text_or(policy->network_policies[i]->key), name) == 0)
			return policy->network_policies[i];
	for (size_t i = 0; i < policy->n_network_policies; i++)
		for (size_t j = 0; j < rule->n_endpoints && !merge_reserved(policy->network_policies[i]->key); j++)
			if (endpoint_in(policy->network_policies[i]->value, rule->endpoints[j]) != NULL)
				return policy->network_policies[i];
	return NULL;
}

enum err
merge_add_rule(struct merging *merging, const Openshell__V1__AddNetworkRule *in, struct why *why)
{
	const char *name = in->rule_name;
	struct why unsafe = {0};
	ProtobufCMessage *copy;
	RuleEntry *target;
	Rule *rule;
	enum err r;

	if ((r = incoming_check(in->rule, why)) != OK ||
	    (r = merge_copy(merging->arena, &in->rule->base, &copy, why)) != OK)
		return r;
	rule = (Rule *)copy;
	for (size_t i = 0; i < rule->n_endpoints; i++)
		if ((r = contract_check(merging, rule->endpoints[i], why)) != OK)
			return r;
	if ((target = target_of(merging, name, rule)) == NULL)
		return place(merging, name, rule, why);
	if ((r = inherit_check(target->value, rule, &unsafe)) == OK)
		return fold(merging, target->value, rule, why);
	if (strcmp(target->key, name) == 0)
		return fail(why, r, "rule %.60s: %s", name, unsafe.text);
	merge_warning(merging, "rule %s stays beside rule %s, which holds the same endpoint: %s", finding_quote(name),
	    finding_quote(target->key), unsafe.text);
	return place(merging, name, rule, why);
}
