/* Bindings of a provider's credentials. */
#include "common/provider/binding.h"

#include <string.h>

#include "common/base/clean.h"
#include "common/policy/endpoint.h"
#include "common/provider/messages.h"

/* What stands in for every path is written in one way. */
static const char *
path_of(const Endpoint *endpoint)
{
	const char *path = text_or(endpoint->path);

	return strcmp(path, "**") == 0 || strcmp(path, "/**") == 0 ? "" : path;
}

/* One endpoint: a binding for each of its ports; those without a host bind nothing. */
static enum err
endpoint_add(const Endpoint *endpoint, struct provider_bindings *bindings, struct why *why)
{
	const uint32_t *ports;
	size_t n = endpoint_ports(endpoint, &ports);

	for (size_t i = 0; i < n && *text_or(endpoint->host) != '\0'; i++) {
		const struct provider_binding made = {
		    endpoint->host, (uint16_t)ports[i], path_of(endpoint), endpoint->redact_credentials};
		size_t at = 0;

		if (ports[i] == 0 || ports[i] > UINT16_MAX)
			continue;
		while (at < bindings->count &&
		       (strcmp(bindings->items[at].host, made.host) != 0 || bindings->items[at].port != made.port ||
			   strcmp(bindings->items[at].path, made.path) != 0))
			at++;
		if (at < bindings->count) {
			bindings->items[at].redact |= made.redact;
			continue;
		}
		if (at == PROVIDER_BINDINGS_MAX)
			return fail(why, ERR_LIMIT, "more than %d hosts, ports and paths", PROVIDER_BINDINGS_MAX);
		bindings->items[bindings->count++] = made;
	}
	return OK;
}

static bool
names(const Endpoint *endpoint, const char *provider)
{
	return endpoint->credential_binding != NULL &&
	       strcmp(text_or(endpoint->credential_binding->provider), provider) == 0;
}

static enum err
policy_add(const Policy *policy, const char *provider, struct provider_bindings *bindings, struct why *why)
{
	enum err r;

	for (size_t i = 0; policy != NULL && i < policy->n_network_policies; i++) {
		const Rule *rule = policy->network_policies[i]->value;

		for (size_t j = 0; rule != NULL && j < rule->n_endpoints; j++)
			if (names(rule->endpoints[j], provider) &&
			    (r = endpoint_add(rule->endpoints[j], bindings, why)) != OK)
				return r;
	}
	return OK;
}

enum err
provider_bindings(const Profile *profile, const char *provider, const Policy *policy, struct arena *arena,
    struct provider_bindings *out, struct why *why)
{
	struct provider_bindings bindings = {arena_array(arena, PROVIDER_BINDINGS_MAX, sizeof(*bindings.items)), 0};
	enum err r = OK;

	if (bindings.items == NULL)
		return fail(why, ERR_LIMIT, "out of room");
	if (profile != NULL && profile->n_endpoints == 0)
		r = policy_add(policy, provider, &bindings, why);
	for (size_t i = 0; profile != NULL && i < profile->n_endpoints && r == OK; i++)
		r = endpoint_add(profile->endpoints[i], &bindings, why);
	if (r != OK)
		return because(why, r, "provider %s", provider);
	*out = bindings;
	return OK;
}

enum err
provider_rule(const Profile *profile, const char *provider, struct arena *arena, Rule **out, struct why *why)
{
	Rule *rule;

	*out = NULL;
	if (profile->n_endpoints == 0)
		return OK;
	if ((rule = arena_alloc(arena, sizeof(*rule))) == NULL)
		return fail(why, ERR_LIMIT, "out of room");
	openshell__sandbox__v1__network_policy_rule__init(rule);
	rule->name = (char *)(uintptr_t)provider;
	rule->endpoints = profile->endpoints;
	rule->n_endpoints = profile->n_endpoints;
	rule->binaries = profile->binaries;
	rule->n_binaries = profile->n_binaries;
	*out = rule;
	return OK;
}

bool
provider_bootstrap(struct span type, struct span key)
{
	return span_is(type, "google-vertex-ai") && span_is(key, "GOOGLE_SERVICE_ACCOUNT_KEY");
}
