/* Comparison of token grants, pair by pair, within a budget. */
#include "common/provider/grants.h"

#include <string.h>

#include "common/policy/cost.h"
#include "common/policy/endpoint.h"
#include "common/policy/glob.h"
#include "common/policy/reach.h"
#include "common/provider/messages.h"

/* An endpoint of a provider that has a grant. */
struct granted {
	const struct provider_attached *attached;
	const Credential *credential;
	const Endpoint *endpoint;
};

static bool
same_place(const struct granted *a, const struct granted *b)
{
	struct span hosts[2] = {span_of_text(a->endpoint->host), span_of_text(b->endpoint->host)};
	struct span paths[2] = {span_of_text(a->endpoint->path), span_of_text(b->endpoint->path)};

	return endpoint_share_port(a->endpoint, b->endpoint) &&
	       reach_score(hosts[0], paths[0]) == reach_score(hosts[1], paths[1]) &&
	       glob_overlap(hosts[0], hosts[1], GLOB_HOST) && glob_overlap(paths[0], paths[1], GLOB_ROUTE);
}

/* The next one behind a place; all zero: the first. */
static bool
granted_next(const struct provider_question *question, size_t at[3], struct granted *out)
{
	for (; at[0] < question->attached_count; at[0]++, at[1] = 0) {
		const Profile *profile = question->attached[at[0]].profile;

		for (; profile != NULL && at[1] < profile->n_credentials; at[1]++, at[2] = 0) {
			if (profile->credentials[at[1]]->token_grant == NULL || at[2] >= profile->n_endpoints)
				continue;
			*out = (struct granted){
			    &question->attached[at[0]], profile->credentials[at[1]], profile->endpoints[at[2]++]};
			return true;
		}
	}
	return false;
}

static enum err
pair_check(const struct granted *a, const struct granted *b, struct cost *cost, struct why *why)
{
	if (a->credential == b->credential)
		return OK;
	if (!cost_add(
		cost, cost_weight(span_of_text(a->endpoint->host)), cost_weight(span_of_text(b->endpoint->host))) ||
	    !cost_add(cost, cost_weight(span_of_text(a->endpoint->path)), cost_weight(span_of_text(b->endpoint->path))))
		return fail(why, ERR_LIMIT, "the token grants have too many patterns to compare");
	if (!same_place(a, b))
		return OK;
	return fail(why, ERR_STATE,
	    "the token grants '%.60s' of provider '%.80s' and '%.60s' of provider '%.80s' name %.80s equally exactly",
	    text_or(a->credential->name), a->attached->name, text_or(b->credential->name), b->attached->name,
	    text_or(b->endpoint->host));
}

enum err
grants_check(const struct provider_question *question, struct why *why)
{
	size_t first[3] = {0}, second[3];
	struct granted a, b;
	struct cost cost = {0};
	enum err r;

	while (granted_next(question, first, &a)) {
		memcpy(second, first, sizeof(second));
		while (granted_next(question, second, &b))
			if ((r = pair_check(&a, &b, &cost, why)) != OK)
				return r;
	}
	return OK;
}
