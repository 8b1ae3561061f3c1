/* A request while it is judged: what was found out about it, and what rules say to that. */
#ifndef COMMON_POLICY_ENGINE_JUDGING_H
#define COMMON_POLICY_ENGINE_JUDGING_H

#include "common/policy/engine_parts.h"
#include "common/policy/engine_query.h"

#define METHOD_UNKNOWN UINT32_MAX /* no rule names it */

/* A GraphQL operation: bits of engine.words. */
struct judged_operation {
	uint8_t type;
	uint64_t *name, *all, *any; /* its name; what all, what some of its root fields match */
	bool has_fields;
};

/* A call: bits of engine.words. */
struct judged_call {
	uint64_t *method, *tool; /* tool NULL: it has none */
	bool tools_call;
};

struct judging {
	const struct engine *engine;
	const struct engine_admission *admission;
	const struct engine_request *request;
	struct arena *arena;
	const struct engine_endpoint *selected;
	uint64_t *paths; /* bits of engine.paths */
	struct engine_values *query;
	uint32_t method, also; /* number in METHOD_; a HEAD is also a GET */
};

/* In order: the worst of several counts. */
enum outcome_kind { OUTCOME_HARD = 1, OUTCOME_DENIED, OUTCOME_NOT_PERMITTED, OUTCOME_READ, OUTCOME_ALLOWED };

/* What became of it. */
struct outcome {
	enum outcome_kind kind;
	const struct engine_rule *rule; /* NULL: none */
	const char *code;
	const char *reason; /* NULL: method and path, with the words for the kind */
	enum engine_look look;
};

/* Does the endpoint cover the request's path (strict dialect)? */
bool judging_covers(const struct judging *j, const struct engine_endpoint *endpoint);

/* The first rule of all endpoints that cover the path which matches; NULL: none. subject as the kind wants it. */
const struct engine_rule *judging_find(
    const struct judging *j, bool deny, enum engine_rule_kind kind, const void *subject);

/* The same among the rules of one endpoint. */
const struct engine_rule *judging_find_in(const struct judging *j, const struct engine_endpoint *endpoint, bool deny,
    enum engine_rule_kind kind, const void *subject);

/* By method, path and query alone. */
struct outcome judging_http(const struct judging *j);

/* engine_graphql.c, engine_calls.c: by what is in the body. errors: ERR_LIMIT the arena. */
enum err judging_graphql(const struct judging *j, struct outcome *out) must_check;
enum err judging_calls(const struct judging *j, struct outcome *out) must_check;

/* engine_protocols.c: as the selected endpoint's protocol has it. errors: ERR_LIMIT the arena. */
enum err judging_protocol(const struct judging *j, struct outcome *out) must_check;

/* Is it this word, in any case? */
bool judging_word_is(struct span word, const char *text);

struct outcome outcome_hard(const char *code, const char *reason);

#endif
