/* Whether a rule matches, and the search for one that does. */
#include "common/policy/engine_judging.h"

static bool
http_method_matches(const struct judging *j, const struct engine_rule *rule, bool deny)
{
	if (rule->method == METHOD_ANY)
		return true;
	if (rule->method == METHOD_NONE || (j->request->kind == ENGINE_BINARY && !deny))
		return false; /* binary messages pass by * alone (S14) */
	return rule->method == j->method || rule->method == j->also;
}

static bool
http_matches(const struct judging *j, const struct engine_rule *rule, bool deny, const void *subject)
{
	(void)subject;
	if (!http_method_matches(j, rule, deny) || (rule->path != ENGINE_PATH_ANY && !bit_get(j->paths, rule->path)))
		return false;
	for (uint32_t i = 0; i < rule->query_n; i++) {
		const struct engine_values *values = &j->query[rule->query[i].key];
		const uint64_t *bits = deny ? values->any : values->all;

		if (bits == NULL || !bit_get(bits, rule->query[i].group))
			return false;
	}
	return true;
}

static bool
operation_matches(const struct judging *j, const struct engine_rule *rule, bool deny, const void *subject)
{
	const struct judged_operation *operation = subject;

	(void)j;
	if (rule->operation != OPERATION_ANY &&
	    (rule->operation == OPERATION_NONE || rule->operation != operation->type))
		return false;
	if (rule->name != ENGINE_GROUP_NONE && !bit_get(operation->name, rule->name))
		return false;
	if (rule->fields == ENGINE_GROUP_NONE)
		return true;
	return operation->has_fields && bit_get(deny ? operation->any : operation->all, rule->fields);
}

static bool
call_matches(const struct judging *j, const struct engine_rule *rule, bool deny, const void *subject)
{
	const struct judged_call *call = subject;

	(void)j, (void)deny;
	if (rule->call_any ? rule->but_tools && call->tools_call
			   : rule->call == ENGINE_GROUP_NONE || !bit_get(call->method, rule->call))
		return false;
	return rule->tool == ENGINE_GROUP_NONE || (call->tool != NULL && bit_get(call->tool, rule->tool));
}

static bool (*const matches[])(
    const struct judging *j, const struct engine_rule *rule, bool deny, const void *subject) = {
    [RULE_HTTP] = http_matches,
    [RULE_GRAPHQL] = operation_matches,
    [RULE_CALL] = call_matches,
};

const struct engine_rule *
judging_find_in(const struct judging *j, const struct engine_endpoint *endpoint, bool deny, enum engine_rule_kind kind,
    const void *subject)
{
	const struct engine_rule *rule = &j->engine->rules[deny ? endpoint->deny : endpoint->allow];
	const struct engine_rule *end = rule + (deny ? endpoint->deny_n : endpoint->allow_n);

	for (; rule < end; rule++)
		if (rule->kind == kind && matches[kind](j, rule, deny, subject))
			return rule;
	return NULL;
}

bool
judging_covers(const struct judging *j, const struct engine_endpoint *endpoint)
{
	return endpoint->path == ENGINE_PATH_ANY || bit_get(j->paths, endpoint->path);
}

const struct engine_rule *
judging_find(const struct judging *j, bool deny, enum engine_rule_kind kind, const void *subject)
{
	for (size_t i = 0; i < j->admission->endpoints_n; i++) {
		const struct engine_endpoint *endpoint = &j->engine->endpoints[j->admission->endpoints[i]];
		const struct engine_rule *rule;

		if (!judging_covers(j, endpoint))
			continue;
		if ((rule = judging_find_in(j, endpoint, deny, kind, subject)) != NULL)
			return rule;
	}
	return NULL;
}

struct outcome
judging_http(const struct judging *j)
{
	const struct engine_rule *rule = judging_find(j, true, RULE_HTTP, NULL);

	if (rule != NULL)
		return (struct outcome){.kind = OUTCOME_DENIED, .rule = rule, .code = "deny_rule"};
	if ((rule = judging_find(j, false, RULE_HTTP, NULL)) != NULL)
		return (struct outcome){.kind = OUTCOME_ALLOWED, .rule = rule, .code = ""};
	return (struct outcome){.kind = OUTCOME_NOT_PERMITTED, .code = "no_rule"};
}

struct outcome
outcome_hard(const char *code, const char *reason)
{
	return (struct outcome){.kind = OUTCOME_HARD, .code = code, .reason = reason};
}
