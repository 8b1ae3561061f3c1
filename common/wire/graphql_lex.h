/* Tokens of a GraphQL document (spec of October 2021, section 2.1). */
#ifndef COMMON_WIRE_GRAPHQL_LEX_H
#define COMMON_WIRE_GRAPHQL_LEX_H

#include <stdbool.h>

#include "common/base/err.h"
#include "common/base/span.h"

enum graphql_token_kind {
	GRAPHQL_END,
	GRAPHQL_PUNCTUATOR, /* one byte; "..." is GRAPHQL_SPREAD */
	GRAPHQL_SPREAD,
	GRAPHQL_NAME,
	GRAPHQL_NUMBER,
	GRAPHQL_STRING,
};

struct graphql_token {
	enum graphql_token_kind kind;
	struct span text;
};

struct graphql_lexer {
	struct span text; /* UTF-8 without NUL */
	size_t at;	  /* behind the token */
	struct graphql_token token;
};

/* Go on to the next token; ERR_SYNTAX what comes is none, or could be read in two ways. */
enum err graphql_next(struct graphql_lexer *lexer, struct why *why) must_check;

/* Is the token this punctuator? */
static inline bool
graphql_is(const struct graphql_lexer *lexer, char punctuator)
{
	return lexer->token.kind == GRAPHQL_PUNCTUATOR && lexer->token.text.at[0] == punctuator;
}

/* Is it this name? */
static inline bool
graphql_is_name(const struct graphql_lexer *lexer, const char *name)
{
	return lexer->token.kind == GRAPHQL_NAME && span_is(lexer->token.text, name);
}

/* Where the token begins in the text. */
static inline size_t
graphql_begin(const struct graphql_lexer *lexer)
{
	return lexer->at - lexer->token.text.length;
}

#endif
