/* The check of middlewares (policy-and-proxy 2.4). */
#include "common/policy/checking.h"

#include <stdio.h>
#include <string.h>

#include "common/base/text.h"
#include "common/policy/check.h"

#define MIDDLEWARES_MAX 10
#define PATTERNS_MAX	32

static void
check_selector(const struct check *check, char **patterns, size_t n, const char *name)
{
	char field[60];

	if (n > PATTERNS_MAX)
		check_error(check, NULL, name, NULL, "has %zu patterns, at most %d", n, PATTERNS_MAX);
	for (size_t i = 0; i < n; i++) {
		const char *pattern = text_or(patterns[i]);
		size_t length = strlen(pattern);

		snprintf(field, sizeof(field), "%s[%zu]", name, i);
		if (strpbrk(pattern, "{} \t\r\n\v\f") != NULL)
			check_error(check, &patterns[i], field, pattern, "may hold no braces and no white space");
		else if (length == 0 || pattern[0] == '.' || pattern[length - 1] == '.' ||
			 strstr(pattern, "..") != NULL)
			check_error(check, &patterns[i], field, pattern, "has an empty label");
		else if (strchr(pattern, '*') != NULL)
			policy_check_glob(check, &patterns[i], field, pattern, GLOB_HOST);
	}
}

/* What would take too long to find out counts as yes. */
static bool
selects(const Selector *selector, const char *host, struct cost *cost)
{
	uint64_t weight = cost_weight(span_of_text(host));

	for (size_t i = 0; i < selector->n_exclude; i++)
		if (strcasecmp(selector->exclude[i], host) == 0)
			return false;
	for (size_t i = 0; i < selector->n_include; i++)
		if (!cost_add(cost, cost_weight(span_of_text(selector->include[i])), weight) ||
		    glob_overlap(span_of_text(selector->include[i]), span_of_text(host), GLOB_HOST))
			return true;
	return false;
}

/* What is not opened cannot be shown to a middleware, so one that must see it contradicts tls: skip. */
static void
check_skipped(struct check *check, const Selector *selector)
{
	const Policy *policy = check->policy;

	for (size_t i = 0; i < policy->n_network_policies; i++) {
		const Rule *rule = policy->network_policies[i]->value;

		for (size_t j = 0; rule != NULL && j < rule->n_endpoints; j++)
			if (endpoint_tls_skip(rule->endpoints[j]) &&
			    selects(selector, text_or(rule->endpoints[j]->host), &check->cost))
				check_error(check, NULL, "endpoints", NULL,
				    "fail_closed, and could match %s of network policy %s endpoint %zu, where tls is "
				    "skip",
				    finding_quote(text_or(rule->endpoints[j]->host)),
				    finding_quote(text_or(policy->network_policies[i]->key)), j);
	}
}

static void
check_middleware(struct check *check, const Middleware *middleware)
{
	const char *on_error = text_or(middleware->on_error);
	const Selector *selector = middleware->endpoints;

	if (*text_or(middleware->middleware) == '\0')
		check_error(check, NULL, "middleware", NULL, "is missing; it names a registered implementation");
	if (*on_error != '\0' && strcmp(on_error, "fail_closed") != 0 && strcmp(on_error, "fail_open") != 0)
		check_error(check, &middleware->on_error, "on_error", on_error,
		    "is not known; allowed are fail_closed and fail_open");
	if (selector == NULL || selector->n_include == 0) {
		check_error(check, NULL, "endpoints.include", NULL, "is empty; write at least one host pattern");
		return;
	}
	check_selector(check, selector->include, selector->n_include, "endpoints.include");
	check_selector(check, selector->exclude, selector->n_exclude, "endpoints.exclude");
	/* Never quietly less: what must see every request and cannot be run stops the policy. */
	if (strcmp(on_error, "fail_open") != 0)
		check_error(check, &middleware->on_error, "on_error", *on_error == '\0' ? "fail_closed" : on_error,
		    "cannot be kept, since no middleware is run in this release; fail_open lets requests pass without it");
	if (strcmp(on_error, "fail_open") != 0 && selector->n_include <= PATTERNS_MAX &&
	    selector->n_exclude <= PATTERNS_MAX)
		check_skipped(check, selector);
}

void
policy_check_middlewares(struct check *check)
{
	static const Middleware none = OPENSHELL__SANDBOX__V1__NETWORK_MIDDLEWARE_CONFIG__INIT;
	const Policy *policy = check->policy;

	check->subject[0] = '\0';
	check->within = policy;
	if (policy->n_network_middlewares > MIDDLEWARES_MAX) {
		check_error(check, &policy->network_middlewares, "network_middlewares", NULL, "has %zu, at most %d",
		    policy->n_network_middlewares, MIDDLEWARES_MAX);
		return;
	}
	for (size_t i = 0; i < policy->n_network_middlewares; i++) {
		const MiddleEntry *entry = policy->network_middlewares[i];
		const Middleware *middleware = entry->value == NULL ? &none : entry->value;
		struct text text = TEXT_OF(check->subject);

		check->within = entry;
		check->subject[0] = '\0';
		text_add(&text, "network middleware %s: ", finding_quote(text_or(entry->key)));
		check_middleware(check, middleware);
		if ((check->flags & POLICY_CHECK_ADVICE) != 0)
			policy_check_advise_middleware(check);
		for (size_t j = 0; j < i; j++) {
			const Middleware *other = policy->network_middlewares[j]->value;

			if ((other == NULL ? 0 : other->order) == middleware->order)
				check_error(check, &middleware->order, "order", NULL,
				    "%d is that of %s too; each has its own", middleware->order,
				    finding_quote(text_or(policy->network_middlewares[j]->key)));
		}
	}
}
