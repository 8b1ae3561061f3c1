/* Does a sandbox's policy fit the providers that are attached to it? */
#include <string.h>

#include "common/base/clean.h"
#include "common/policy/endpoint.h"
#include "common/policy/glob.h"
#include "common/provider/messages.h"
#include "common/provider/plan.h"

/* What an endpoint with credential_binding names has to be: attached, with a profile, which has no endpoints. */
static enum err
binding_check(const struct provider_question *question, const char *rule, const char *provider, struct why *why)
{
	const struct provider_attached *attached = NULL;

	for (size_t i = 0; i < question->attached_count; i++)
		if (strcmp(question->attached[i].name, provider) == 0)
			attached = &question->attached[i];
	if (attached == NULL)
		return fail(why, ERR_STATE,
		    "network policy '%.80s': credential_binding names provider '%.80s', which is not attached", rule,
		    provider);
	if (attached->profile == NULL)
		return fail(why, ERR_STATE,
		    "network policy '%.80s': credential_binding names provider '%.80s', whose type %.64s has no "
		    "profile",
		    rule, provider, attached->type);
	if (attached->profile->n_endpoints > 0)
		return fail(why, ERR_STATE,
		    "network policy '%.80s': credential_binding names provider '%.80s', whose profile %.64s has "
		    "endpoints "
		    "of its own",
		    rule, provider, text_or(attached->profile->id));
	return OK;
}

/* Does one provider have a pair of AWS keys that may go there? */
static bool
has_aws_keys(const struct provider_plan *plan, size_t provider, const Endpoint *endpoint)
{
	static const char *const keys[] = {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"};
	size_t found = 0;

	for (size_t i = 0; i < plan->secrets_count; i++) {
		const struct provider_secret *secret = &plan->secrets[i];
		bool wanted = secret->provider == provider &&
			      (strcmp(secret->key, keys[0]) == 0 || strcmp(secret->key, keys[1]) == 0);

		for (size_t j = 0; wanted && j < secret->bindings_count; j++)
			if (endpoint_has_port(endpoint, secret->bindings[j].port) &&
			    glob_overlap(
				span_of_text(secret->bindings[j].host), span_of_text(endpoint->host), GLOB_HOST)) {
				found++;
				break;
			}
	}
	return found == COUNT(keys);
}

static enum err
signing_check(const struct provider_question *question, const struct provider_plan *plan, const char *rule,
    const Endpoint *endpoint, struct why *why)
{
	for (size_t i = 0; i < question->attached_count; i++)
		if (has_aws_keys(plan, i, endpoint))
			return OK;
	return fail(why, ERR_STATE,
	    "network policy '%.80s': credential_signing for %.80s needs a provider with AWS_ACCESS_KEY_ID and "
	    "AWS_SECRET_ACCESS_KEY for it",
	    rule, text_or(endpoint->host));
}

static enum err
endpoint_check(const struct provider_question *question, const struct provider_plan *plan, const char *rule,
    const Endpoint *endpoint, struct why *why)
{
	enum err r = OK;

	if (endpoint->credential_binding != NULL)
		r = binding_check(question, rule, text_or(endpoint->credential_binding->provider), why);
	if (r == OK && *text_or(endpoint->credential_signing) != '\0')
		r = signing_check(question, plan, rule, endpoint, why);
	return r;
}

enum err
provider_policy_check(const struct provider_question *question, const struct provider_plan *plan, struct why *why)
{
	const Policy *policy = question->policy;
	enum err r;

	for (size_t i = 0; policy != NULL && i < policy->n_network_policies; i++) {
		const RuleEntry *entry = policy->network_policies[i];

		for (size_t j = 0; entry->value != NULL && j < entry->value->n_endpoints; j++)
			if ((r = endpoint_check(
				 question, plan, text_or(entry->key), entry->value->endpoints[j], why)) != OK)
				return r;
	}
	return OK;
}
