/* Composition of provider layers. */
#include "common/policy/compose.h"

#include <string.h>

#include "common/policy/canonical.h"
#include "common/policy/check.h"
#include "common/policy/defaults.h"
#include "common/policy/endpoint.h"
#include "common/policy/glob.h"
#include "common/policy/messages.h"
#include "common/wire/protobuf.h"

static bool
taken(const Policy *policy, const char *key)
{
	for (size_t i = 0; i < policy->n_network_policies; i++)
		if (strcmp(text_or(policy->network_policies[i]->key), key) == 0)
			return true;
	return false;
}

static char *
layer_key(const Policy *policy, const char *provider, struct arena *arena)
{
	char *name = arena_text(arena, span_of_text(provider)), *key;

	for (char *c = name; c != NULL && *c != '\0'; c++)
		if (*c >= 'A' && *c <= 'Z')
			*c = (char)(*c - 'A' + 'a');
		else if (!(*c >= 'a' && *c <= 'z') && !(*c >= '0' && *c <= '9'))
			*c = '_';
	key = name == NULL ? NULL : arena_format(arena, "%s%s", POLICY_PROVIDER_PREFIX, name);
	for (unsigned i = 2; key != NULL && taken(policy, key); i++)
		key = arena_format(arena, "%s%s_%u", POLICY_PROVIDER_PREFIX, name, i);
	return key;
}

static enum err
layer_add(Policy *policy, const struct policy_layer *layer, struct arena *arena, struct why *why)
{
	RuleEntry *entry = arena_alloc(arena, sizeof(*entry));
	char *key = layer_key(policy, layer->provider, arena);
	ProtobufCMessage *copy;
	struct span bytes;
	enum err r;

	if (entry == NULL || key == NULL)
		return fail(why, ERR_LIMIT, "the policy is too large");
	if ((r = protobuf_write(&layer->rule->base, arena, &bytes, why)) != OK ||
	    (r = protobuf_read(&SANDBOX(network_policy_rule), bytes, arena, &copy, why)) != OK)
		return r;
	openshell__sandbox__v1__sandbox_policy__network_policies_entry__init(entry);
	entry->key = key;
	entry->value = (Rule *)copy;
	policy->network_policies[policy->n_network_policies++] = entry;
	return OK;
}

/* Does the provider's secret apply to this endpoint: bound to it, or to a destination that it can mean? */
static bool
applies(const struct policy_layer *layer, const Endpoint *endpoint)
{
	if (!layer->credentialed)
		return false;
	if (endpoint->credential_binding != NULL &&
	    strcmp(text_or(endpoint->credential_binding->provider), layer->provider) == 0)
		return true;
	for (size_t i = 0; layer->rule != NULL && i < layer->rule->n_endpoints; i++)
		if (endpoint_share_port(layer->rule->endpoints[i], endpoint) &&
		    glob_overlap(
			span_of_text(layer->rule->endpoints[i]->host), span_of_text(endpoint->host), GLOB_HOST))
			return true;
	return false;
}

static void
mark(Endpoint *endpoint, const struct policy_layer *layers, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (applies(&layers[i], endpoint))
			endpoint->has_provider_credentialed = endpoint->provider_credentialed = true;
}

enum err
policy_compose(
    const Policy *base, const struct policy_layer *layers, size_t n, struct arena *arena, Policy **out, struct why *why)
{
	RuleEntry **entries = arena_array(arena, base->n_network_policies + n + 1, sizeof(*entries));
	Policy *policy;
	enum err r;

	if (entries == NULL)
		return fail(why, ERR_LIMIT, "the policy is too large");
	if ((r = policy_copy(base, arena, &policy, why)) != OK)
		return r;
	if (policy->n_network_policies > 0)
		memcpy(entries, policy->network_policies, policy->n_network_policies * sizeof(*entries));
	policy->network_policies = entries;
	for (size_t i = 0; i < n; i++)
		if (layers[i].rule != NULL && !layers[i].marks_only &&
		    (r = layer_add(policy, &layers[i], arena, why)) != OK)
			return r;
	policy_clear_marks(policy);
	for (size_t i = 0; i < policy->n_network_policies; i++) {
		Rule *rule = policy->network_policies[i]->value;

		for (size_t j = 0; rule != NULL && j < rule->n_endpoints; j++)
			mark(rule->endpoints[j], layers, n);
	}
	*out = policy;
	return OK;
}
