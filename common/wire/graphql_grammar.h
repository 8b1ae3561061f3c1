/* The grammar of GraphQL documents below their selections (spec of October 2021, section 2); each leaves the next
 * token. */
#ifndef COMMON_WIRE_GRAPHQL_GRAMMAR_H
#define COMMON_WIRE_GRAPHQL_GRAMMAR_H

#include <stdbool.h>
#include <stddef.h>

#include "common/base/err.h"
#include "common/wire/graphql_lex.h"

#define GRAPHQL_DEPTH_MAX  128	 /* selections, values and types within each other, fragments counted */
#define GRAPHQL_TOKENS_MAX 20000 /* of a document; as many again while fragments are followed */

struct graphql_parser {
	struct graphql_lexer lexer;
	size_t depth, tokens;
	struct why *why;
};

/* ERR_SYNTAX with the number of the byte that the token begins at. */
enum err graphql_wrong(struct graphql_parser *parser, const char *words);

/* The next token; ERR_LIMIT past GRAPHQL_TOKENS_MAX. */
enum err graphql_step(struct graphql_parser *parser) must_check;

/* This punctuator, or any name, must stand here: it is passed. */
enum err graphql_want(struct graphql_parser *parser, char punctuator) must_check;
enum err graphql_name(struct graphql_parser *parser, struct span *out) must_check;

/* One level down; ERR_LIMIT past GRAPHQL_DEPTH_MAX. The caller takes it back from parser->depth. */
enum err graphql_deeper(struct graphql_parser *parser) must_check;

/* Is the closing punctuator not here yet? When it is, it is passed. */
enum err graphql_more(struct graphql_parser *parser, char closing, bool *more) must_check;

/* What may stand here, and is passed when it does. constant: without variables. */
enum err graphql_arguments(struct graphql_parser *parser, bool constant) must_check;
enum err graphql_directives(struct graphql_parser *parser, bool constant) must_check;
enum err graphql_variables(struct graphql_parser *parser) must_check;

#endif
