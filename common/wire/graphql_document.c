/* GraphQL documents: read once for their grammar and definitions; then the chosen operation's root is read for fields.
 */
#include "common/wire/graphql_document.h"

#include "common/base/clean.h"
#include "common/wire/graphql_lex.h"

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
	struct graphql_lexer lexer;
	struct arena *arena;
	struct why *why;
	size_t depth, tokens;
	struct definition *definitions;
	struct fields *fields; /* of the root, while they are gathered; else NULL */
};

static enum err selections_read(struct parser *parser, bool root);
static enum err value_read(struct parser *parser, bool constant);

static enum err
wrong(struct parser *parser, const char *words)
{
	return fail(parser->why, ERR_SYNTAX, "byte %zu: %s", graphql_begin(&parser->lexer) + 1, words);
}

static enum err
next(struct parser *parser)
{
	if (parser->tokens++ == GRAPHQL_TOKENS_MAX)
		return fail(parser->why, ERR_LIMIT, "a document of more than %d tokens", GRAPHQL_TOKENS_MAX);
	return graphql_next(&parser->lexer, parser->why);
}

static enum err
want(struct parser *parser, char punctuator)
{
	if (!graphql_is(&parser->lexer, punctuator))
		return fail(
		    parser->why, ERR_SYNTAX, "byte %zu: %c is wanted", graphql_begin(&parser->lexer) + 1, punctuator);
	return next(parser);
}

static enum err
name_want(struct parser *parser, struct span *out)
{
	if (parser->lexer.token.kind != GRAPHQL_NAME)
		return wrong(parser, "a name is wanted");
	*out = parser->lexer.token.text;
	return next(parser);
}

static enum err
deeper(struct parser *parser)
{
	if (parser->depth++ == GRAPHQL_DEPTH_MAX)
		return fail(parser->why, ERR_LIMIT, "a document nested more than %d deep", GRAPHQL_DEPTH_MAX);
	return OK;
}

/* What stands between two brackets; *more while the closing one has not come. */
static enum err
more(struct parser *parser, char closing, bool *more)
{
	*more = !graphql_is(&parser->lexer, closing);
	return *more ? OK : next(parser);
}

static enum err
list_read(struct parser *parser, bool constant)
{
	bool goes_on = true;
	enum err r = next(parser);

	while (r == OK && (r = more(parser, ']', &goes_on)) == OK && goes_on)
		r = value_read(parser, constant);
	return r;
}

static enum err
object_read(struct parser *parser, bool constant)
{
	struct span name;
	bool goes_on = true;
	enum err r = next(parser);

	while (r == OK && (r = more(parser, '}', &goes_on)) == OK && goes_on)
		if ((r = name_want(parser, &name)) == OK && (r = want(parser, ':')) == OK)
			r = value_read(parser, constant);
	return r;
}

/* Section 2.9. */
static enum err
value_read(struct parser *parser, bool constant)
{
	enum graphql_token_kind kind = parser->lexer.token.kind;
	struct span name;
	enum err r;

	if (kind == GRAPHQL_NAME || kind == GRAPHQL_NUMBER || kind == GRAPHQL_STRING)
		return next(parser);
	if (!constant && graphql_is(&parser->lexer, '$'))
		return (r = next(parser)) == OK ? name_want(parser, &name) : r;
	if ((r = deeper(parser)) != OK)
		return r;
	if (graphql_is(&parser->lexer, '['))
		r = list_read(parser, constant);
	else if (graphql_is(&parser->lexer, '{'))
		r = object_read(parser, constant);
	else
		r = wrong(parser, "a value is wanted");
	parser->depth--;
	return r;
}

/* Section 2.6, where there are any. */
static enum err
arguments_read(struct parser *parser, bool constant)
{
	bool goes_on = true;
	struct span name;
	enum err r;

	if (!graphql_is(&parser->lexer, '('))
		return OK;
	if ((r = next(parser)) != OK)
		return r;
	while (r == OK && goes_on)
		if ((r = name_want(parser, &name)) == OK && (r = want(parser, ':')) == OK &&
		    (r = value_read(parser, constant)) == OK)
			r = more(parser, ')', &goes_on);
	return r;
}

/* Section 2.12. */
static enum err
directives_read(struct parser *parser, bool constant)
{
	struct span name;
	enum err r = OK;

	while (r == OK && graphql_is(&parser->lexer, '@'))
		if ((r = next(parser)) == OK && (r = name_want(parser, &name)) == OK)
			r = arguments_read(parser, constant);
	return r;
}

/* Section 2.11. */
static enum err
type_read(struct parser *parser)
{
	struct span name;
	enum err r;

	if (graphql_is(&parser->lexer, '[')) {
		if ((r = deeper(parser)) != OK || (r = next(parser)) != OK || (r = type_read(parser)) != OK ||
		    (r = want(parser, ']')) != OK)
			return r;
		parser->depth--;
	} else if ((r = name_want(parser, &name)) != OK) {
		return r;
	}
	return graphql_is(&parser->lexer, '!') ? next(parser) : OK;
}

static enum err
variable_read(struct parser *parser)
{
	struct span name;
	enum err r;

	if ((r = want(parser, '$')) != OK || (r = name_want(parser, &name)) != OK || (r = want(parser, ':')) != OK ||
	    (r = type_read(parser)) != OK)
		return r;
	if (graphql_is(&parser->lexer, '=') && ((r = next(parser)) != OK || (r = value_read(parser, true)) != OK))
		return r;
	return directives_read(parser, true);
}

/* Section 2.10, where there are any. */
static enum err
variables_read(struct parser *parser)
{
	bool goes_on = true;
	enum err r;

	if (!graphql_is(&parser->lexer, '('))
		return OK;
	if ((r = next(parser)) != OK)
		return r;
	while (r == OK && goes_on)
		if ((r = variable_read(parser)) == OK)
			r = more(parser, ')', &goes_on);
	return r;
}

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
	struct graphql_lexer here = parser->lexer;
	enum err r;

	if (fragment == NULL)
		return wrong(parser, "a fragment before this is not defined");
	if (fragment->state == OPEN)
		return wrong(parser, "a fragment before this holds itself");
	if (fragment->state == DONE)
		return OK;
	fragment->state = OPEN;
	parser->lexer = (struct graphql_lexer){.text = here.text, .at = fragment->selection};
	if ((r = next(parser)) == OK)
		r = selections_read(parser, true);
	parser->lexer = here;
	fragment->state = DONE;
	return r;
}

/* Section 2.8, behind the three dots. */
static enum err
spread_read(struct parser *parser, bool root)
{
	struct span name = SPAN_NONE;
	bool typed = graphql_is_name(&parser->lexer, "on");
	bool inlined = typed || parser->lexer.token.kind != GRAPHQL_NAME;
	enum err r = OK;

	if (typed)
		r = next(parser);
	if (r == OK && (typed || !inlined))
		r = name_want(parser, &name);
	else if (r == OK && !graphql_is(&parser->lexer, '@') && !graphql_is(&parser->lexer, '{'))
		r = wrong(parser, "a fragment is wanted");
	if (r != OK || (r = directives_read(parser, false)) != OK)
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
		return fail(parser->why, ERR_LIMIT, "more than %d root fields, or one of more than %d bytes",
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

	if ((r = name_want(parser, &name)) != OK)
		return r;
	if (graphql_is(&parser->lexer, ':') && ((r = next(parser)) != OK || (r = name_want(parser, &name)) != OK))
		return r;
	if (root && parser->fields != NULL && (r = field_keep(parser, name)) != OK)
		return r;
	if ((r = arguments_read(parser, false)) != OK || (r = directives_read(parser, false)) != OK)
		return r;
	return graphql_is(&parser->lexer, '{') ? selections_read(parser, false) : OK;
}

/* Section 2.4. */
static enum err
selections_read(struct parser *parser, bool root)
{
	bool goes_on = true;
	enum err r;

	if ((r = deeper(parser)) != OK || (r = want(parser, '{')) != OK)
		return r;
	while (r == OK && goes_on) {
		if (parser->lexer.token.kind != GRAPHQL_SPREAD)
			r = field_read(parser, root);
		else if ((r = next(parser)) == OK)
			r = spread_read(parser, root);
		if (r == OK)
			r = more(parser, '}', &goes_on);
	}
	parser->depth--;
	return r;
}

/* Name and type condition of a fragment, behind its first word. */
static enum err
fragment_begin(struct parser *parser, struct definition *definition)
{
	struct span type;
	enum err r;

	if (graphql_is_name(&parser->lexer, "on"))
		return wrong(parser, "a fragment without a name");
	if ((r = name_want(parser, &definition->name)) != OK)
		return r;
	if (!graphql_is_name(&parser->lexer, "on"))
		return wrong(parser, "on is wanted");
	return (r = next(parser)) == OK ? name_want(parser, &type) : r;
}

static enum err
operation_begin(struct parser *parser, struct definition *definition)
{
	enum err r = OK;

	if (parser->lexer.token.kind == GRAPHQL_NAME)
		r = name_want(parser, &definition->name);
	return r == OK ? variables_read(parser) : r;
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

	if (graphql_is(&parser->lexer, '{')) {
		definition->type = GRAPHQL_QUERY;
		return OK;
	}
	for (size_t i = 0; i < COUNT(kinds); i++) {
		if (!graphql_is_name(&parser->lexer, kinds[i].word))
			continue;
		definition->type = kinds[i].type;
		if ((r = next(parser)) != OK || (r = kinds[i].begin(parser, definition)) != OK)
			return r;
		return directives_read(parser, false);
	}
	return wrong(parser, "an operation or fragment is wanted");
}

static enum err
definition_read(struct parser *parser)
{
	struct definition *definition = arena_alloc(parser->arena, sizeof(*definition));
	enum err r;

	if (definition == NULL)
		return fail(parser->why, ERR_LIMIT, "too much memory is needed");
	if ((r = definition_begin(parser, definition)) != OK)
		return r;
	if (definition_find(parser, definition->type == 0, definition->name) != NULL)
		return wrong(parser, "a name that another operation or fragment has");
	definition->selection = graphql_begin(&parser->lexer);
	definition->next = parser->definitions;
	parser->definitions = definition;
	return selections_read(parser, false);
}

static enum err
definitions_read(struct parser *parser)
{
	enum err r = next(parser);

	while (r == OK && parser->lexer.token.kind != GRAPHQL_END)
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
		return fail(parser->why, ERR_SYNTAX, "no operation in the document");
	if (n > 1 && (nameless > 0 || chosen.length == 0))
		return fail(parser->why, ERR_SYNTAX, "several operations, and none is chosen or one has no name");
	if (found == NULL)
		return fail(parser->why, ERR_SYNTAX, "no operation of the name that is chosen");
	if (found->name.length > GRAPHQL_NAME_BYTES)
		return fail(parser->why, ERR_LIMIT, "an operation's name of more than %d bytes", GRAPHQL_NAME_BYTES);
	*out = found;
	return OK;
}

static enum err
fields_gather(struct parser *parser, const struct definition *operation, struct span **out, size_t *n)
{
	struct fields fields = {.n = 0};
	enum err r;

	parser->fields = &fields;
	parser->tokens = 0;
	parser->lexer = (struct graphql_lexer){.text = parser->lexer.text, .at = operation->selection};
	if ((r = next(parser)) != OK || (r = selections_read(parser, true)) != OK)
		return r;
	parser->fields = NULL;
	if ((*out = arena_array(parser->arena, fields.n, sizeof(**out))) == NULL)
		return fail(parser->why, ERR_LIMIT, "too much memory is needed");
	memcpy(*out, fields.at, fields.n * sizeof(**out));
	*n = fields.n;
	return OK;
}

enum err
graphql_document_read(
    struct span document, struct span chosen, struct arena *arena, struct graphql_operation *out, struct why *why)
{
	struct parser parser = {.lexer.text = document, .arena = arena, .why = why};
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
