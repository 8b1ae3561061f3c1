/* Where in a request a secret may stand: as its profile insists, and in bodies where an endpoint asks for it. */
#include <string.h>

#include "common/base/clean.h"
#include "common/policy/cost.h"
#include "common/policy/endpoint.h"
#include "common/policy/glob.h"
#include "common/provider/messages.h"
#include "common/provider/places.h"
#include "common/provider/planning.h"
#include "common/provider/profile.h"

/* ---- by the profile ---- */

/* A profile that does not insist (exact_place) gets what the reference allows (7.3), where auth_style only describes. */
static const struct {
	const char *style;
	uint16_t places;
	const char *field; /* NULL: the credential's header_name */
} styles[] = {
    {"", SECRET_IN_FIELD | SECRET_IN_BASIC | SECRET_IN_QUERY | SECRET_IN_PATH, ""},
    {"bearer", SECRET_IN_FIELD | SECRET_IN_BASIC, NULL},
    {"header", SECRET_IN_FIELD | SECRET_IN_BASIC, NULL},
    {"basic", SECRET_IN_FIELD | SECRET_IN_BASIC, "authorization"},
    {"query", SECRET_IN_QUERY, ""},
    {"path", SECRET_IN_PATH, ""},
};

static const char *
lowered(const char *text, struct arena *arena)
{
	char *copy = arena_text(arena, span_of_text(text));

	for (char *at = copy; at != NULL && *at != '\0'; at++)
		if (*at >= 'A' && *at <= 'Z')
			*at = (char)(*at | 0x20);
	return copy;
}

bool
places_set(const Profile *profile, struct provider_secret *secret, unsigned opted, struct arena *arena)
{
	const Credential *credential = provider_credential(profile, span_of_text(secret->key));
	const char *style = credential == NULL || !credential->exact_place ? "" : text_or(credential->auth_style);
	size_t i = COUNT(styles);

	while (--i > 0 && strcmp(styles[i].style, style) != 0)
		;
	secret->places = (uint16_t)(styles[i].places | opted);
	secret->field = styles[i].field != NULL ? styles[i].field : lowered(text_or(credential->header_name), arena);
	secret->parameter = strcmp(style, "query") == 0 ? text_or(credential->query_param) : "";
	return secret->field != NULL;
}

/* ---- by endpoints ---- */

/* One question about endpoints that may be what the bindings mean. */
struct opting {
	const struct provider_bindings *bindings;
	struct cost cost;
	unsigned opted;
};

static bool
may_mean(struct opting *opting, const Endpoint *endpoint)
{
	struct span host = span_of_text(text_or(endpoint->host));

	for (size_t i = 0; i < opting->bindings->count; i++) {
		const struct provider_binding *binding = &opting->bindings->items[i];

		if (!endpoint_has_port(endpoint, binding->port))
			continue;
		if (!cost_add(&opting->cost, cost_weight(host), cost_weight(span_of_text(binding->host))))
			return false;
		if (glob_overlap(host, span_of_text(binding->host), GLOB_HOST))
			return true;
	}
	return false;
}

static void
endpoint_opts(struct opting *opting, const Endpoint *endpoint)
{
	unsigned asks = (endpoint->request_body_credential_rewrite ? SECRET_IN_BODY : 0u) |
			(endpoint->websocket_credential_rewrite ? SECRET_IN_MESSAGE : 0u) |
			(*text_or(endpoint->credential_signing) != '\0' ? SECRET_IN_SIGNATURE : 0u);

	if ((asks & ~opting->opted) != 0 && may_mean(opting, endpoint))
		opting->opted |= asks;
}

unsigned
places_opted(const struct provider_question *question, const Profile *profile, const struct provider_bindings *bindings)
{
	struct opting opting = {.bindings = bindings};
	const Policy *policy = question->policy;

	for (size_t i = 0; profile != NULL && i < profile->n_endpoints; i++)
		endpoint_opts(&opting, profile->endpoints[i]);
	for (size_t i = 0; policy != NULL && i < policy->n_network_policies; i++) {
		const Rule *rule = policy->network_policies[i]->value;

		for (size_t j = 0; rule != NULL && j < rule->n_endpoints; j++)
			endpoint_opts(&opting, rule->endpoints[j]);
	}
	return opting.opted;
}
