/* Rules and presets of an endpoint into an engine. */
#include "common/policy/engine_building.h"

#include "common/base/clean.h"
#include "common/base/text.h"

#define Endpoint Openshell__Sandbox__V1__NetworkEndpoint
#define Allow	 Openshell__Sandbox__V1__L7Allow
#define Deny	 Openshell__Sandbox__V1__L7DenyRule
#define Matcher	 Openshell__Sandbox__V1__L7QueryMatcher

#define WORDS_BYTES 256 /* of a rule in an event */

/* A rule as written, allow or deny. */
struct written {
	bool deny;
	const char *method, *path, *operation, *name;
	char **fields;
	size_t fields_n, query_n, params_n;
	Openshell__Sandbox__V1__L7Allow__QueryEntry **query;
	Openshell__Sandbox__V1__L7Allow__ParamsEntry **params;
};

/* What the presets of 2.3 stand for. */
static const struct {
	enum engine_protocol protocol; /* NONE: all that are not named */
	const char *access;
	const char *words[6]; /* methods, or types of operation */
} presets[] = {
    {PROTOCOL_WEBSOCKET, "read-only", {"GET"}},
    {PROTOCOL_WEBSOCKET, "read-write", {"GET", "WEBSOCKET_TEXT"}},
    {PROTOCOL_WEBSOCKET, "full", {"*"}},
    {PROTOCOL_GRAPHQL, "read-only", {"query"}},
    {PROTOCOL_GRAPHQL, "read-write", {"query", "mutation"}},
    {PROTOCOL_GRAPHQL, "full", {"*"}},
    {PROTOCOL_REST, "read-only", {"GET", "HEAD", "OPTIONS"}},
    {PROTOCOL_REST, "read-write", {"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH"}},
    {PROTOCOL_REST, "full", {"*"}},
};

static bool
given(const char *text)
{
	return text != NULL && text[0] != '\0';
}

static struct span
upper(struct span text, char to[64])
{
	text = span_head(text, 64);
	for (size_t i = 0; i < text.length; i++)
		to[i] = (char)(text.at[i] >= 'a' && text.at[i] <= 'z' ? text.at[i] - 'a' + 'A' : text.at[i]);
	return (struct span){to, text.length};
}

static enum err
method_read(struct engine_building *b, const struct written *from, struct engine_rule *rule)
{
	char room[64];
	uint32_t number;
	enum err r;

	rule->method = from->deny ? METHOD_ANY : METHOD_NONE;
	if (!given(from->method) || (!from->deny && !given(from->path)))
		return OK;
	rule->method = METHOD_ANY;
	if (strcmp(from->method, "*") == 0)
		return OK;
	if ((r = names_put(&b->engine->methods, upper(span_of_text(from->method), room), &number, b->why)) != OK)
		return r;
	rule->method = METHOD_FIRST + number;
	return OK;
}

/* The globs of one value: a single one, or any of several. */
static enum err
values_put(
    struct engine_building *b, struct groups *groups, const struct written *from, const Matcher *matcher, uint32_t *out)
{
	size_t n = given(matcher->glob) || matcher->n_any == 0 ? 1 : matcher->n_any;
	struct span *globs = arena_array(b->scratch, n, sizeof(*globs));

	if (globs == NULL)
		return building_limit(b);
	globs[0] = span_of_text(matcher->glob);
	for (size_t i = 0; !given(matcher->glob) && i < matcher->n_any; i++)
		globs[i] = span_of_text(matcher->any[i]);
	return groups_put(groups, from->deny ? MATCHER_DENIED : MATCHER_VALUE, globs, n, out, b->why);
}

/* Where the values of a query key are collected. */
static enum err
key_put(struct engine_building *b, const char *text, uint32_t *key)
{
	struct groups *more;
	uint32_t room;
	enum err r = names_put(&b->engine->keys, span_of_text(text), key, b->why);

	if (r != OK || *key < b->values_room)
		return r;
	room = b->values_room == 0 ? 16 : b->values_room * 2;
	if ((more = arena_array(b->scratch, room, sizeof(*more))) == NULL)
		return building_limit(b);
	if (b->values_room > 0)
		memcpy(more, b->values, b->values_room * sizeof(*more));
	for (uint32_t i = b->values_room; i < room; i++)
		more[i].names.arena = b->scratch;
	b->values = more;
	b->values_room = room;
	return OK;
}

static enum err
query_read(struct engine_building *b, const struct written *from, struct engine_rule *rule)
{
	struct engine_condition *query = building_keep(b, from->query_n + 1, sizeof(*query));
	enum err r;

	if (query == NULL)
		return building_limit(b);
	for (size_t i = 0; i < from->query_n; i++)
		if ((r = key_put(b, from->query[i]->key, &query[i].key)) != OK ||
		    (r = values_put(b, &b->values[query[i].key], from, from->query[i]->value, &query[i].group)) != OK)
			return r;
	rule->query = query;
	rule->query_n = (uint32_t)from->query_n;
	return OK;
}

static enum err
http_read(struct engine_building *b, const struct written *from, struct engine_rule *rule)
{
	struct span path = span_of_text(from->path);
	enum err r;

	rule->kind = RULE_HTTP;
	rule->path = ENGINE_PATH_ANY; /* what denies without a path denies every path (S1) */
	if ((r = method_read(b, from, rule)) != OK || (r = query_read(b, from, rule)) != OK)
		return r;
	if (!given(from->path) || span_is(path, "**"))
		return OK;
	return groups_put(&b->paths, MATCHER_PATH, &path, 1, &rule->path, b->why);
}

static enum err
graphql_read(struct engine_building *b, const struct written *from, struct engine_rule *rule)
{
	enum matcher_use use = from->deny ? MATCHER_DENIED : MATCHER_VALUE;
	struct span name = span_of_text(from->name), *fields;
	enum err r;

	rule->kind = RULE_GRAPHQL;
	rule->operation = given(from->operation) ? engine_operation_of(from->operation)
			  : from->deny		 ? OPERATION_ANY
						 : OPERATION_NONE;
	if (given(from->name) && (r = groups_put(&b->words, use, &name, 1, &rule->name, b->why)) != OK)
		return r;
	if (from->fields_n == 0)
		return OK;
	if ((fields = arena_array(b->scratch, from->fields_n, sizeof(*fields))) == NULL)
		return building_limit(b);
	for (size_t i = 0; i < from->fields_n; i++)
		fields[i] = span_of_text(from->fields[i]);
	return groups_put(&b->words, use, fields, from->fields_n, &rule->fields, b->why);
}

/* The value that the tool's name must match; NULL: none was given. */
static const Matcher *
tool_of(const struct written *from)
{
	for (size_t i = 0; i < from->params_n; i++)
		if (from->params[i]->key != NULL && strcmp(from->params[i]->key, "name") == 0)
			return from->params[i]->value;
	return NULL;
}

static enum err
call_read(
    struct engine_building *b, const struct written *from, enum engine_protocol protocol, struct engine_rule *rule)
{
	enum matcher_use use = protocol == PROTOCOL_JSON_RPC ? MATCHER_EXACT
			       : from->deny		     ? MATCHER_DENIED
							     : MATCHER_VALUE;
	const Matcher *tool = tool_of(from);
	struct span method = given(from->method) || tool == NULL ? span_of_text(from->method) : SPAN("tools/call");
	enum err r;

	rule->kind = RULE_CALL;
	rule->call_any = span_is(method, "*") || (method.length == 0 && from->deny);
	if (tool != NULL && (r = values_put(b, &b->words, from, tool, &rule->tool)) != OK)
		return r;
	if (rule->call_any || method.length == 0)
		return OK; /* without a method what allows matches nothing */
	return groups_put(&b->words, use, &method, 1, &rule->call, b->why);
}

static void
words_add(struct text *words, const char *text)
{
	if (!given(text))
		return;
	text_add(words, " ");
	text_add_escaped(words, span_head(span_of_text(text), WORDS_BYTES / 4));
}

static enum err
words_write(struct engine_building *b, const struct written *from, struct engine_rule *rule)
{
	const Matcher *tool = tool_of(from);
	char room[WORDS_BYTES];
	struct text words = TEXT_OF(room);

	text_add(&words, "%s", from->deny ? "deny" : "allow");
	words_add(&words, from->method);
	words_add(&words, from->path);
	words_add(&words, from->operation);
	words_add(&words, from->name);
	for (size_t i = 0; i < from->fields_n && i < 4; i++)
		words_add(&words, from->fields[i]);
	words_add(&words, tool == NULL ? NULL : given(tool->glob) ? tool->glob : tool->n_any > 0 ? tool->any[0] : NULL);
	return arena_span(b->keep, engine_words_cut(text_span(&words), WORDS_BYTES), &rule->words) == OK
		   ? OK
		   : building_limit(b);
}

static enum err
rule_read(struct engine_building *b, struct engine_endpoint *endpoint, uint32_t number, const struct written *from)
{
	struct engine_rule *rule = &b->engine->rules[b->engine->rules_n++];
	bool graphql = endpoint->protocol == PROTOCOL_GRAPHQL ||
		       (endpoint->protocol == PROTOCOL_WEBSOCKET &&
			   (given(from->operation) || given(from->name) || from->fields_n > 0));
	enum err r;

	*rule = (struct engine_rule){.endpoint = number,
	    .name = ENGINE_GROUP_NONE,
	    .fields = ENGINE_GROUP_NONE,
	    .call = ENGINE_GROUP_NONE,
	    .tool = ENGINE_GROUP_NONE};
	if (graphql)
		r = graphql_read(b, from, rule);
	else if (endpoint->protocol == PROTOCOL_JSON_RPC || endpoint->protocol == PROTOCOL_MCP)
		r = call_read(b, from, endpoint->protocol, rule);
	else
		r = http_read(b, from, rule);
	endpoint->graphql_rules = endpoint->graphql_rules || graphql;
	return r != OK ? r : words_write(b, from, rule);
}

static struct written
written_allow(const Allow *from)
{
	return (struct written){false, from->method, from->path, from->operation_type, from->operation_name,
	    from->fields, from->n_fields, from->n_query, from->n_params, from->query, from->params};
}

/* The entries of both kinds of rule are made alike: key and value. */
static struct written
written_deny(const Deny *from)
{
	return (struct written){true, from->method, from->path, from->operation_type, from->operation_name,
	    from->fields, from->n_fields, from->n_query, from->n_params,
	    (Openshell__Sandbox__V1__L7Allow__QueryEntry **)(void *)from->query,
	    (Openshell__Sandbox__V1__L7Allow__ParamsEntry **)(void *)from->params};
}

static enum err
preset_read(struct engine_building *b, struct engine_endpoint *endpoint, uint32_t number, const char *access)
{
	enum engine_protocol protocol = endpoint->protocol;
	enum err r;

	if (protocol < PROTOCOL_REST || protocol > PROTOCOL_GRAPHQL || !given(access))
		return OK;
	for (size_t i = 0; i < COUNT(presets); i++) {
		if (presets[i].protocol != protocol || strcmp(presets[i].access, access) != 0)
			continue;
		for (size_t k = 0; k < COUNT(presets[i].words) && presets[i].words[k] != NULL; k++) {
			const char *word = presets[i].words[k];
			struct written from = {.method = word, .path = "**"};

			if (protocol == PROTOCOL_GRAPHQL)
				from = (struct written){.operation = word};
			if ((r = rule_read(b, endpoint, number, &from)) != OK)
				return r;
		}
	}
	return OK;
}

/* Every known method; the tools only where no rule names one (4.10). */
static enum err
all_methods_read(struct engine_building *b, struct engine_endpoint *endpoint, uint32_t number)
{
	struct written from = {.method = "*"};
	struct engine_rule *rules = &b->engine->rules[endpoint->allow];
	bool tools = false;
	enum err r;

	for (uint32_t i = 0; i < b->engine->rules_n - endpoint->allow; i++)
		tools = tools || rules[i].tool != ENGINE_GROUP_NONE;
	if ((r = rule_read(b, endpoint, number, &from)) != OK)
		return r;
	b->engine->rules[b->engine->rules_n - 1].but_tools = tools;
	return OK;
}

enum err
building_rules(struct engine_building *b, struct engine_endpoint *endpoint, uint32_t number, const Endpoint *from)
{
	bool all = endpoint->protocol == PROTOCOL_MCP && from->mcp != NULL && from->mcp->allow_all_known_mcp_methods;
	bool none = endpoint->protocol == PROTOCOL_SQL || endpoint->protocol == PROTOCOL_TCP;
	enum err r = OK;

	endpoint->allow = b->engine->rules_n;
	for (size_t i = 0; r == OK && !none && i < from->n_rules; i++)
		if (from->rules[i]->allow != NULL)
			r = rule_read(b, endpoint, number, (struct written[]){written_allow(from->rules[i]->allow)});
	if (r == OK && from->n_rules == 0)
		r = preset_read(b, endpoint, number, from->access);
	if (r == OK && all)
		r = all_methods_read(b, endpoint, number);
	endpoint->allow_n = b->engine->rules_n - endpoint->allow;
	endpoint->deny = b->engine->rules_n;
	for (size_t i = 0; r == OK && !none && i < from->n_deny_rules; i++)
		r = rule_read(b, endpoint, number, (struct written[]){written_deny(from->deny_rules[i])});
	endpoint->deny_n = b->engine->rules_n - endpoint->deny;
	return r;
}
