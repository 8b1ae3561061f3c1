/* Decisions about GraphQL operations (policy-and-proxy 4.8); an endpoint for GraphQL has the last word on its own. */
#include "common/policy/engine_judging.h"

static enum err
words_match(const struct judging *j, struct span text, uint64_t **out)
{
	*out = matcher_bits(&j->engine->words, text, j->arena);
	return *out == NULL ? ERR_LIMIT : OK;
}

/* What all and what some of the root fields match. */
static enum err
fields_match(const struct judging *j, const struct span *fields, size_t n, struct judged_operation *out)
{
	uint32_t words = j->engine->words.words;
	uint64_t *bits;

	out->has_fields = n > 0;
	for (size_t i = 0; i < n; i++) {
		if (words_match(j, fields[i], &bits) != OK)
			return ERR_LIMIT;
		if (i == 0) {
			out->all = bits;
			if ((out->any = arena_array(j->arena, words, sizeof(*bits))) == NULL)
				return ERR_LIMIT;
		}
		for (uint32_t k = 0; k < words; k++) {
			out->any[k] |= bits[k];
			out->all[k] &= bits[k];
		}
	}
	return OK;
}

/* The registered operation that is meant: by its hash first, then by its id. */
static const struct engine_registered *
registered_find(const struct engine_endpoint *endpoint, const struct engine_operation *operation)
{
	uint32_t found = operation->hash.length == 0 ? NAMES_NONE : names_find(&endpoint->registry, operation->hash);

	if (!endpoint->registered_only)
		return NULL;
	if (found == NAMES_NONE && operation->persisted_id.length > 0)
		found = names_find(&endpoint->registry, operation->persisted_id);
	return found == NAMES_NONE ? NULL : &endpoint->registered[found];
}

/* known false: a persisted one that is not registered. */
static enum err
operation_read(const struct judging *j, const struct engine_operation *from, struct judged_operation *out, bool *known)
{
	const struct engine_registered *registered;

	*known = true;
	*out = (struct judged_operation){.type = from->type};
	if (from->type != OPERATION_NONE) {
		if (words_match(j, from->name, &out->name) != OK)
			return ERR_LIMIT;
		return fields_match(j, from->fields, from->fields_n, out);
	}
	if ((registered = registered_find(j->selected, from)) == NULL) {
		*known = false;
		return OK;
	}
	out->type = registered->type;
	if (words_match(j, registered->name, &out->name) != OK)
		return ERR_LIMIT;
	return fields_match(j, registered->fields, registered->fields_n, out);
}

/* Does this endpoint speak for what is judged: requests, or messages of a WebSocket? */
static bool
has_last_word(const struct judging *j, const struct engine_endpoint *endpoint)
{
	enum engine_protocol wanted = j->request->kind == ENGINE_HTTP ? PROTOCOL_GRAPHQL : PROTOCOL_WEBSOCKET;

	return endpoint->protocol == wanted && endpoint->graphql_rules && judging_covers(j, endpoint);
}

static struct outcome
operation_judge(const struct judging *j, const struct judged_operation *operation, struct outcome without)
{
	const struct engine_rule *rule = judging_find(j, true, RULE_GRAPHQL, operation);

	if (rule != NULL)
		return (struct outcome){.kind = OUTCOME_DENIED,
		    .rule = rule,
		    .code = "deny_rule",
		    .reason = "GraphQL operation blocked by endpoint policy"};
	for (size_t i = 0; i < j->admission->endpoints_n; i++) {
		const struct engine_endpoint *endpoint = &j->engine->endpoints[j->admission->endpoints[i]];

		if (!has_last_word(j, endpoint))
			continue;
		if ((rule = judging_find_in(j, endpoint, false, RULE_GRAPHQL, operation)) == NULL)
			return (struct outcome){.kind = OUTCOME_DENIED,
			    .code = "no_rule",
			    .reason = "GraphQL operation not permitted by policy"};
		without = (struct outcome){.kind = OUTCOME_ALLOWED, .rule = rule, .code = ""};
	}
	return without;
}

enum err
judging_graphql(const struct judging *j, struct outcome *out)
{
	struct outcome worst = judging_http(j), one;

	*out = worst;
	if (worst.kind == OUTCOME_DENIED)
		return OK;
	for (size_t i = 0; i < j->request->operations_n; i++) {
		struct judged_operation operation;
		bool known;

		if (operation_read(j, &j->request->operations[i], &operation, &known) != OK)
			return ERR_LIMIT;
		one = known ? operation_judge(j, &operation, worst)
			    : (struct outcome){.kind = OUTCOME_DENIED,
				  .code = "no_rule",
				  .reason = "GraphQL persisted query is not registered"};
		if (i == 0 || one.kind < out->kind)
			*out = one;
	}
	return OK;
}
