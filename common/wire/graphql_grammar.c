/* The parts of GraphQL documents that no policy looks at, read only to find their ends: values, arguments, types. */
#include "common/wire/graphql_grammar.h"

static enum err value_read(struct graphql_parser *parser, bool constant);

enum err
graphql_wrong(struct graphql_parser *parser, const char *words)
{
	return fail(parser->why, ERR_SYNTAX, "byte %zu: %s", graphql_begin(&parser->lexer) + 1, words);
}

enum err
graphql_step(struct graphql_parser *parser)
{
	if (parser->tokens++ == GRAPHQL_TOKENS_MAX)
		return fail(parser->why, ERR_LIMIT, "a document of more than %d tokens", GRAPHQL_TOKENS_MAX);
	return graphql_next(&parser->lexer, parser->why);
}

enum err
graphql_want(struct graphql_parser *parser, char punctuator)
{
	if (!graphql_is(&parser->lexer, punctuator))
		return fail(
		    parser->why, ERR_SYNTAX, "byte %zu: %c is wanted", graphql_begin(&parser->lexer) + 1, punctuator);
	return graphql_step(parser);
}

enum err
graphql_name(struct graphql_parser *parser, struct span *out)
{
	if (parser->lexer.token.kind != GRAPHQL_NAME)
		return graphql_wrong(parser, "a name is wanted");
	*out = parser->lexer.token.text;
	return graphql_step(parser);
}

enum err
graphql_deeper(struct graphql_parser *parser)
{
	if (parser->depth++ == GRAPHQL_DEPTH_MAX)
		return fail(parser->why, ERR_LIMIT, "a document nested more than %d deep", GRAPHQL_DEPTH_MAX);
	return OK;
}

/* What stands between two brackets; *more while the closing one has not come. */
enum err
graphql_more(struct graphql_parser *parser, char closing, bool *more)
{
	*more = !graphql_is(&parser->lexer, closing);
	return *more ? OK : graphql_step(parser);
}

static enum err
list_read(struct graphql_parser *parser, bool constant)
{
	bool goes_on = true;
	enum err r = graphql_step(parser);

	while (r == OK && (r = graphql_more(parser, ']', &goes_on)) == OK && goes_on)
		r = value_read(parser, constant);
	return r;
}

static enum err
object_read(struct graphql_parser *parser, bool constant)
{
	struct span name;
	bool goes_on = true;
	enum err r = graphql_step(parser);

	while (r == OK && (r = graphql_more(parser, '}', &goes_on)) == OK && goes_on)
		if ((r = graphql_name(parser, &name)) == OK && (r = graphql_want(parser, ':')) == OK)
			r = value_read(parser, constant);
	return r;
}

/* Section 2.9. */
static enum err
value_read(struct graphql_parser *parser, bool constant)
{
	enum graphql_token_kind kind = parser->lexer.token.kind;
	struct span name;
	enum err r;

	if (kind == GRAPHQL_NAME || kind == GRAPHQL_NUMBER || kind == GRAPHQL_STRING)
		return graphql_step(parser);
	if (!constant && graphql_is(&parser->lexer, '$'))
		return (r = graphql_step(parser)) == OK ? graphql_name(parser, &name) : r;
	if ((r = graphql_deeper(parser)) != OK)
		return r;
	if (graphql_is(&parser->lexer, '['))
		r = list_read(parser, constant);
	else if (graphql_is(&parser->lexer, '{'))
		r = object_read(parser, constant);
	else
		r = graphql_wrong(parser, "a value is wanted");
	parser->depth--;
	return r;
}

/* Section 2.6, where there are any. */
enum err
graphql_arguments(struct graphql_parser *parser, bool constant)
{
	bool goes_on = true;
	struct span name;
	enum err r;

	if (!graphql_is(&parser->lexer, '('))
		return OK;
	if ((r = graphql_step(parser)) != OK)
		return r;
	while (r == OK && goes_on)
		if ((r = graphql_name(parser, &name)) == OK && (r = graphql_want(parser, ':')) == OK &&
		    (r = value_read(parser, constant)) == OK)
			r = graphql_more(parser, ')', &goes_on);
	return r;
}

/* Section 2.12. */
enum err
graphql_directives(struct graphql_parser *parser, bool constant)
{
	struct span name;
	enum err r = OK;

	while (r == OK && graphql_is(&parser->lexer, '@'))
		if ((r = graphql_step(parser)) == OK && (r = graphql_name(parser, &name)) == OK)
			r = graphql_arguments(parser, constant);
	return r;
}

/* Section 2.11. */
static enum err
type_read(struct graphql_parser *parser)
{
	struct span name;
	enum err r;

	if (graphql_is(&parser->lexer, '[')) {
		if ((r = graphql_deeper(parser)) != OK || (r = graphql_step(parser)) != OK ||
		    (r = type_read(parser)) != OK || (r = graphql_want(parser, ']')) != OK)
			return r;
		parser->depth--;
	} else if ((r = graphql_name(parser, &name)) != OK) {
		return r;
	}
	return graphql_is(&parser->lexer, '!') ? graphql_step(parser) : OK;
}

static enum err
variable_read(struct graphql_parser *parser)
{
	struct span name;
	enum err r;

	if ((r = graphql_want(parser, '$')) != OK || (r = graphql_name(parser, &name)) != OK ||
	    (r = graphql_want(parser, ':')) != OK || (r = type_read(parser)) != OK)
		return r;
	if (graphql_is(&parser->lexer, '=') &&
	    ((r = graphql_step(parser)) != OK || (r = value_read(parser, true)) != OK))
		return r;
	return graphql_directives(parser, true);
}

/* Section 2.10, where there are any. */
enum err
graphql_variables(struct graphql_parser *parser)
{
	bool goes_on = true;
	enum err r;

	if (!graphql_is(&parser->lexer, '('))
		return OK;
	if ((r = graphql_step(parser)) != OK)
		return r;
	while (r == OK && goes_on)
		if ((r = variable_read(parser)) == OK)
			r = graphql_more(parser, ')', &goes_on);
	return r;
}
