/* The lint of token grants: where the token comes from, where it goes, and for whom it is made out. */
#include <string.h>
#include <strings.h>

#include "common/base/clean.h"
#include "common/policy/cost.h"
#include "common/policy/findings.h"
#include "common/policy/glob.h"
#include "common/policy/reach.h"
#include "common/provider/grants.h"
#include "common/provider/linting.h"
#include "common/provider/url.h"

#define TOKEN_BYTES                                                                                                    \
	"!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ" /* RFC 9110, 5.6.2 */

static void
lint_header(const struct linting *linting, size_t i, const Credential *credential)
{
	static const char *const framing[] = {"host", "content-length", "transfer-encoding", "connection"};
	const char *name = text_or(credential->header_name), *style = text_or(credential->auth_style);
	const char *field = lint_field("credentials[%zu].header_name", i);

	if (*style != '\0' && strcmp(style, "bearer") != 0 && strcmp(style, "header") != 0)
		lint_error(linting, &credential->auth_style, lint_field("credentials[%zu].auth_style", i),
		    "a token grant is sent as bearer or header, not as %s", finding_quote(style));
	if (!span_only(span_of_text(name), TOKEN_BYTES))
		lint_error(linting, &credential->header_name, field, "%s is no name of a header", finding_quote(name));
	for (size_t j = 0; j < COUNT(framing); j++)
		if (strcasecmp(name, framing[j]) == 0)
			lint_error(linting, &credential->header_name, field, "%s cannot be set", framing[j]);
}

static bool
same_place(const Override *a, const Override *b, struct cost *cost)
{
	struct span hosts[2] = {span_of_text(a->host), span_of_text(b->host)};
	struct span paths[2] = {span_of_text(a->path), span_of_text(b->path)};

	if (a->port != 0 && b->port != 0 && a->port != b->port)
		return false;
	if (reach_score(hosts[0], paths[0]) != reach_score(hosts[1], paths[1]))
		return false;
	if (!cost_add(cost, cost_weight(hosts[0]), cost_weight(hosts[1])) ||
	    !cost_add(cost, cost_weight(paths[0]), cost_weight(paths[1])))
		return true;
	return glob_overlap(hosts[0], hosts[1], GLOB_HOST) && glob_overlap(paths[0], paths[1], GLOB_ROUTE);
}

static void
lint_overrides(const struct linting *linting, size_t i, const Grant *grant)
{
	struct cost cost = {0};

	for (size_t j = 0; j < grant->n_audience_overrides; j++) {
		const Override *override = grant->audience_overrides[j];
		const char *field = lint_field("credentials[%zu].token_grant.audience_overrides[%zu]", i, j);

		if (lint_blank(override->host))
			lint_error(linting, override, field, "host is missing");
		if (override->port > UINT16_MAX)
			lint_error(linting, override, field, "port %u is not within 0 to 65535", override->port);
		for (size_t k = 0; k < j; k++)
			if (same_place(grant->audience_overrides[k], override, &cost)) {
				lint_error(linting, override, field,
				    "names what audience_overrides[%zu] names, equally exactly", k);
				break;
			}
	}
}

void
lint_grant(const struct linting *linting, size_t i)
{
	const Credential *credential = linting->profile->credentials[i];
	const Grant *grant = credential->token_grant;
	struct why why;

	if (grant == NULL)
		return;
	if (grant_unfit(credential) != NULL)
		lint_error(
		    linting, grant, lint_field("credentials[%zu].token_grant", i), "has %s", grant_unfit(credential));
	if (provider_url_check(
		span_of_text(grant->token_endpoint), PROVIDER_URL_LOOPBACK | PROVIDER_URL_CLUSTER, &why) != OK)
		lint_error(linting, grant, lint_field("credentials[%zu].token_grant.token_endpoint", i), "%s: %.200s",
		    finding_quote(text_or(grant->token_endpoint)), why.text);
	if (grant->cache_ttl_seconds < 0)
		lint_error(linting, &grant->cache_ttl_seconds,
		    lint_field("credentials[%zu].token_grant.cache_ttl_seconds", i), "is negative");
	lint_header(linting, i, credential);
	lint_overrides(linting, i, grant);
}
