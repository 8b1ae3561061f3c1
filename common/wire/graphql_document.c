/* GraphQL documents: read once for grammar and definitions; then the chosen operation's root is read for its fields. */
#include "common/wire/graphql_document.h"

#include "common/base/clean.h"
#include "common/wire/graphql_grammar.h"

enum state { NEW, OPEN, DONE }; /* of a fragment while fields are gathered */

struct definition {
	struct definition *next;
	enum graphql_type type; /* 0: a fragment */
	struct span name;
	size_t selection; /* where its { stands */
	enum state state;
};

struct fields {
	struct span at[GRAPHQL_FIELDS_MAX];
	size_t n;
};

struct parser {
	struct graphql_parser grammar;
	struct arena *arena;
	struct definition *definitions;
	struct fields *fields; /* of the root, while they are gathered; else NULL */
};

static enum err selections_read(struct parser *parser, bool root);

static struct definition *
definition_find(struct parser *parser, bool fragment, struct span name)
{
	for (struct definition *at = parser->definitions; at != NULL; at = at->next)
		if ((at->type == 0) == fragment && span_equal(at->name, name))
			return at;
	return NULL;
}

/* The fields of a named fragment are the root's too: read them where it stands, once. */
static enum err
fragment_follow(struct parser *parser, struct span name)
{
	struct definition *fragment = definition_find(parser, true, name);
	struct graphql_lexer here = parser->grammar.lexer;
	enum err r;

	if (fragment == NULL)
		return graphql_wrong(&parser->grammar, "a fragment before this is not defined");
	if (fragment->state == OPEN)
		return graphql_wrong(&parser->grammar, "a fragment before this holds itself");
	if (fragment->state == DONE)
		return OK;
	fragment->state = OPEN;
	parser->grammar.lexer = (struct graphql_lexer){.text = here.text, .at = fragment->selection};
	if ((r = graphql_step(&parser->grammar)) == OK)
		r = selections_read(parser, true);
	parser->grammar.lexer = here;
	fragment->state = DONE;
	return r;
}

/* Section 2.8, behind the three dots. */
static enum err
spread_read(struct parser *parser, bool root)
{
	struct span name = SPAN_NONE;
	bool typed = graphql_is_name(&parser->grammar.lexer, "on");
	bool inlined = typed || parser->grammar.lexer.token.kind != GRAPHQL_NAME;
	enum err r = OK;

	if (typed)
		r = graphql_step(&parser->grammar);
	if (r == OK && (typed || !inlined))
		r = graphql_name(&parser->grammar, &name);
	else if (r == OK && !graphql_is(&parser->grammar.lexer, '@') && !graphql_is(&parser->grammar.lexer, '{'))
		r = graphql_wrong(&parser->grammar, "a fragment is wanted");
	if (r != OK || (r = graphql_directives(&parser->grammar, false)) != OK)
		return r;
	if (inlined)
		return selections_read(parser, root);
	return root && parser->fields != NULL ? fragment_follow(parser, name) : OK;
}

static enum err
field_keep(struct parser *parser, struct span name)
{
	struct fields *fields = parser->fields;

	for (size_t i = 0; i < fields->n; i++)
		if (span_equal(fields->at[i], name))
			return OK;
	if (fields->n == GRAPHQL_FIELDS_MAX || name.length > GRAPHQL_NAME_BYTES)
		return fail(parser->grammar.why, ERR_LIMIT, "more than %d root fields, or one of more than %d bytes",
		    GRAPHQL_FIELDS_MAX, GRAPHQL_NAME_BYTES);
	fields->at[fields->n++] = name;
	return OK;
}

/* Sections 2.5 and 2.7: the name behind an alias is the real one. */
static enum err
field_read(struct parser *parser, bool root)
{
	struct span name;
	enum err r;

	if ((r = graphql_name(&parser->grammar, &name)) != OK)
		return r;
	if (graphql_is(&parser->grammar.lexer, ':') &&
	    ((r = graphql_step(&parser->grammar)) != OK || (r = graphql_name(&parser->grammar, &name)) != OK))
		return r;
	if (root && parser->fields != NULL && (r = field_keep(parser, name)) != OK)
		return r;
	if ((r = graphql_arguments(&parser->grammar, false)) != OK ||
	    (r = graphql_directives(&parser->grammar, false)) != OK)
		return r;
	return graphql_is(&parser->grammar.lexer, '{') ? selections_read(parser, false) : OK;
}

/* Section 2.4. */
static enum err
selections_read(struct parser *parser, bool root)
{
	bool goes_on = true;
	enum err r;

	if ((r = graphql_deeper(&parser->grammar)) != OK || (r = graphql_want(&parser->grammar, '{')) != OK)
		return r;
	while (r == OK && goes_on) {
		if (parser->grammar.lexer.token.kind != GRAPHQL_SPREAD)
			r = field_read(parser, root);
		else if ((r = graphql_step(&parser->grammar)) == OK)
			r = spread_read(parser, root);
		if (r == OK)
			r = graphql_more(&parser->grammar, '}', &goes_on);
	}
	parser->grammar.depth--;
	return r;
}

/* Name and type condition of a fragment, behind its first word. */
static enum err
fragment_begin(struct parser *parser, struct definition *definition)
{
	struct span type;
	enum err r;

	if (graphql_is_name(&parser->grammar.lexer, "on"))
		return graphql_wrong(&parser->grammar, "a fragment without a name");
	if ((r = graphql_name(&parser->grammar, &definition->name)) != OK)
		return r;
	if (!graphql_is_name(&parser->grammar.lexer, "on"))
		return graphql_wrong(&parser->grammar, "on is wanted");
	return (r = graphql_step(&parser->grammar)) == OK ? graphql_name(&parser->grammar, &type) : r;
}

static enum err
operation_begin(struct parser *parser, struct definition *definition)
{
	enum err r = OK;

	if (parser->grammar.lexer.token.kind == GRAPHQL_NAME)
		r = graphql_name(&parser->grammar, &definition->name);
	return r == OK ? graphql_variables(&parser->grammar) : r;
}

/* All of a definition before its selections. */
static enum err
definition_begin(struct parser *parser, struct definition *definition)
{
	static const struct {
		const char *word;
		enum graphql_type type;
		enum err (*begin)(struct parser *parser, struct definition *definition);
	} kinds[] = {
	    {"query", GRAPHQL_QUERY, operation_begin},
	    {"mutation", GRAPHQL_MUTATION, operation_begin},
	    {"subscription", GRAPHQL_SUBSCRIPTION, operation_begin},
	    {"fragment", 0, fragment_begin},
	};
	enum err r;

	if (graphql_is(&parser->grammar.lexer, '{')) {
		definition->type = GRAPHQL_QUERY;
		return OK;
	}
	for (size_t i = 0; i < COUNT(kinds); i++) {
		if (!graphql_is_name(&parser->grammar.lexer, kinds[i].word))
			continue;
		definition->type = kinds[i].type;
		if ((r = graphql_step(&parser->grammar)) != OK || (r = kinds[i].begin(parser, definition)) != OK)
			return r;
		return graphql_directives(&parser->grammar, false);
	}
	return graphql_wrong(&parser->grammar, "an operation or fragment is wanted");
}

static enum err
definition_read(struct parser *parser)
{
	struct definition *definition = arena_alloc(parser->arena, sizeof(*definition));
	enum err r;

	if (definition == NULL)
		return fail(parser->grammar.why, ERR_LIMIT, "too much memory is needed");
	if ((r = definition_begin(parser, definition)) != OK)
		return r;
	if (definition_find(parser, definition->type == 0, definition->name) != NULL)
		return graphql_wrong(&parser->grammar, "a name that another operation or fragment has");
	definition->selection = graphql_begin(&parser->grammar.lexer);
	definition->next = parser->definitions;
	parser->definitions = definition;
	return selections_read(parser, false);
}

static enum err
definitions_read(struct parser *parser)
{
	enum err r = graphql_step(&parser->grammar);

	while (r == OK && parser->grammar.lexer.token.kind != GRAPHQL_END)
		r = definition_read(parser);
	return r;
}

/* Which operation runs (section 6.1); one without a name stands alone (5.2.2.1). */
static enum err
operation_choose(struct parser *parser, struct span chosen, struct definition **out)
{
	struct definition *found = NULL;
	size_t n = 0, nameless = 0;

	for (struct definition *at = parser->definitions; at != NULL; at = at->next) {
		if (at->type == 0)
			continue;
		n++;
		nameless += at->name.length == 0;
		if (chosen.length == 0 || span_equal(at->name, chosen))
			found = at;
	}
	if (n == 0)
		return fail(parser->grammar.why, ERR_SYNTAX, "no operation in the document");
	if (n > 1 && (nameless > 0 || chosen.length == 0))
		return fail(
		    parser->grammar.why, ERR_SYNTAX, "several operations, and none is chosen or one has no name");
	if (found == NULL)
		return fail(parser->grammar.why, ERR_SYNTAX, "no operation of the name that is chosen");
	if (found->name.length > GRAPHQL_NAME_BYTES)
		return fail(
		    parser->grammar.why, ERR_LIMIT, "an operation's name of more than %d bytes", GRAPHQL_NAME_BYTES);
	*out = found;
	return OK;
}

static enum err
fields_gather(struct parser *parser, const struct definition *operation, struct span **out, size_t *n)
{
	struct fields fields = {.n = 0};
	enum err r;

	parser->fields = &fields;
	parser->grammar.tokens = 0;
	parser->grammar.lexer = (struct graphql_lexer){.text = parser->grammar.lexer.text, .at = operation->selection};
	if ((r = graphql_step(&parser->grammar)) != OK || (r = selections_read(parser, true)) != OK)
		return r;
	parser->fields = NULL;
	if ((*out = arena_array(parser->arena, fields.n, sizeof(**out))) == NULL)
		return fail(parser->grammar.why, ERR_LIMIT, "too much memory is needed");
	memcpy(*out, fields.at, fields.n * sizeof(**out));
	*n = fields.n;
	return OK;
}

enum err
graphql_document_read(
    struct span document, struct span chosen, struct arena *arena, struct graphql_operation *out, struct why *why)
{
	struct parser parser = {.grammar = {.lexer.text = document, .why = why}, .arena = arena};
	struct definition *operation = NULL;
	struct span *fields = NULL;
	size_t n = 0;
	enum err r;

	if (!span_utf8(document))
		return fail(why, ERR_SYNTAX, "a document that is not UTF-8");
	if ((r = definitions_read(&parser)) != OK || (r = operation_choose(&parser, chosen, &operation)) != OK ||
	    (r = fields_gather(&parser, operation, &fields, &n)) != OK)
		return r;
	*out = (struct graphql_operation){
	    .type = operation->type, .name = operation->name, .fields = fields, .fields_n = n};
	return OK;
}
