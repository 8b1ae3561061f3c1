/* The lint of endpoints and binaries: by the rules of policies, and by what goes with credentials. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/policy/check.h"
#include "common/policy/endpoint.h"
#include "common/provider/binding.h"
#include "common/provider/linting.h"

#define RULE_NAME   "profile"
#define RULE_PREFIX "network policy '" RULE_NAME "': "

/* What a finding about a policy calls "network policy 'profile': endpoint 2: port: words" is endpoints[2].port here. */
static void
translate(const struct linting *linting, const struct finding *finding)
{
	const char *words = finding->text, *rest, *colon;
	char field[LINT_FIELD_BYTES] = "endpoints";

	if (strncmp(words, RULE_PREFIX, strlen(RULE_PREFIX)) == 0) {
		words += strlen(RULE_PREFIX);
		field[0] = '\0';
		if (strncmp(words, "endpoint ", 9) == 0 && (rest = strstr(words, ": ")) != NULL) {
			lint_field_into(field, "endpoints[%ld]", strtol(words + 9, NULL, 10));
			words = rest + 2;
		}
		if ((colon = strstr(words, ": ")) != NULL && strcspn(words, " ") > (size_t)(colon - words)) {
			size_t length = strlen(field);

			snprintf(field + length, sizeof(field) - length, "%s%.*s", length > 0 ? "." : "",
			    (int)(colon - words), words);
			words = colon + 2;
		}
	}
	lint_say(
	    linting, finding->warning, finding->at[0] != NULL ? finding->at[0] : finding->at[1], field, "%s", words);
}

/* The rules of policies, asked of a policy that is this profile's rule alone. */
static void
lint_as_policy(const struct linting *linting)
{
	Rule rule = OPENSHELL__SANDBOX__V1__NETWORK_POLICY_RULE__INIT;
	RuleEntry entry = OPENSHELL__SANDBOX__V1__SANDBOX_POLICY__NETWORK_POLICIES_ENTRY__INIT, *entries[] = {&entry};
	Policy policy = OPENSHELL__SANDBOX__V1__SANDBOX_POLICY__INIT;
	struct findings findings = {.arena = linting->findings->arena};
	enum err r;

	rule.endpoints = linting->profile->endpoints;
	rule.n_endpoints = linting->profile->n_endpoints;
	rule.binaries = linting->profile->binaries;
	rule.n_binaries = linting->profile->n_binaries;
	entry.key = (char *)(uintptr_t)RULE_NAME;
	entry.value = &rule;
	policy.network_policies = entries;
	policy.n_network_policies = 1;
	r = policy_check(&policy, 0, &findings, NULL);
	if (r == OK)
		r = policy_check_overlap(&policy, &findings, NULL);
	for (size_t i = 0; i < findings.count; i++)
		translate(linting, &findings.items[i]);
	if (r == ERR_LIMIT && findings.errors == 0)
		lint_error(linting, NULL, "endpoints", "have too many patterns to compare");
}

/* Where credentials go, traffic has to be readable, unless it is said that it need not be. */
static void
lint_inspected(const struct linting *linting, size_t i, const Endpoint *endpoint)
{
	enum endpoint_protocol protocol = endpoint_protocol(endpoint);

	if (linting->profile->n_credentials == 0 ||
	    (endpoint->has_allow_uninspected_credentials && endpoint->allow_uninspected_credentials))
		return;
	if (protocol == ENDPOINT_L4 || protocol == ENDPOINT_TCP)
		lint_error(linting, endpoint, lint_field("endpoints[%zu].protocol", i),
		    "a profile with credentials needs an inspected protocol here, or allow_uninspected_credentials: "
		    "true");
	if (endpoint_tls_skip(endpoint))
		lint_error(linting, &endpoint->tls, lint_field("endpoints[%zu].tls", i),
		    "a profile with credentials cannot skip TLS, unless with allow_uninspected_credentials: true");
}

static void
lint_endpoint(const struct linting *linting, size_t i)
{
	const Endpoint *endpoint = linting->profile->endpoints[i];

	if (lint_blank(endpoint->host) && endpoint->n_allowed_ips > 0) /* without addresses the policy's rule says it */
		lint_error(linting, endpoint, lint_field("endpoints[%zu].host", i), "is missing");
	if (endpoint->credential_binding != NULL)
		lint_error(linting, endpoint->credential_binding, lint_field("endpoints[%zu].credential_binding", i),
		    "belongs to a sandbox's policy, not to a profile");
	lint_inspected(linting, i, endpoint);
}

void
lint_endpoints(const struct linting *linting)
{
	const Profile *profile = linting->profile;
	struct provider_bindings bindings;
	struct why why;

	for (size_t i = 0; i < profile->n_endpoints; i++)
		lint_endpoint(linting, i);
	if (profile->n_endpoints == 0 && profile->n_binaries == 0)
		return;
	lint_as_policy(linting);
	if (provider_bindings(profile, "", NULL, linting->findings->arena, &bindings, &why) != OK)
		lint_error(linting, &profile->endpoints, "endpoints", "there are more than %d hosts, ports and paths",
		    PROVIDER_BINDINGS_MAX);
}
