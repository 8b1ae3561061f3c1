/* The GraphQL lexer: what is ignored, then one token by its first byte. */
#include "common/wire/graphql_lex.h"

static enum err
wrong(const struct graphql_lexer *lexer, struct why *why, const char *words)
{
	return fail(why, ERR_SYNTAX, "byte %zu: %s", lexer->at + 1, words);
}

static char
peek(const struct graphql_lexer *lexer, size_t ahead)
{
	return ahead < lexer->text.length - lexer->at ? lexer->text.at[lexer->at + ahead] : '\0';
}

static bool
starts(const struct graphql_lexer *lexer, struct span prefix)
{
	return span_starts(span_tail(lexer->text, lexer->at), prefix);
}

static bool
is_digit(char byte)
{
	return byte >= '0' && byte <= '9';
}

static bool
is_name_start(char byte)
{
	return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || byte == '_';
}

static bool
is_control(char byte)
{
	return (unsigned char)byte < ' ' && byte != '\t';
}

/* To the end of the line. The separators of Unicode end lines for old readers, so a comment may not hold them. */
static enum err
comment_skip(struct graphql_lexer *lexer, struct why *why)
{
	for (; lexer->at < lexer->text.length && peek(lexer, 0) != '\n' && peek(lexer, 0) != '\r'; lexer->at++)
		if (is_control(peek(lexer, 0)) || starts(lexer, SPAN("\xe2\x80\xa8")) ||
		    starts(lexer, SPAN("\xe2\x80\xa9")))
			return wrong(lexer, why, "a control byte or line separator in a comment");
	return OK;
}

/* Section 2.1.7: white space, line ends, commas, comments, the byte order mark. */
static enum err
ignored_skip(struct graphql_lexer *lexer, struct why *why)
{
	enum err r;

	for (;;) {
		char byte = peek(lexer, 0);

		if (byte == ' ' || byte == '\t' || byte == '\n' || byte == '\r' || byte == ',')
			lexer->at++;
		else if (starts(lexer, SPAN("\xef\xbb\xbf")))
			lexer->at += 3;
		else if (byte != '#')
			return OK;
		else if ((r = comment_skip(lexer, why)) != OK)
			return r;
	}
}

static void
name_read(struct graphql_lexer *lexer)
{
	while (is_name_start(peek(lexer, 0)) || is_digit(peek(lexer, 0)))
		lexer->at++;
}

static bool
digits_read(struct graphql_lexer *lexer)
{
	size_t from = lexer->at;

	while (is_digit(peek(lexer, 0)))
		lexer->at++;
	return lexer->at > from;
}

/* Sections 2.9.1 and 2.9.2: nothing that could go on may follow. */
static enum err
number_read(struct graphql_lexer *lexer, struct why *why)
{
	bool ok;

	lexer->at += peek(lexer, 0) == '-';
	if (peek(lexer, 0) == '0') {
		lexer->at++;
		ok = true;
	} else {
		ok = digits_read(lexer);
	}
	if (ok && peek(lexer, 0) == '.') {
		lexer->at++;
		ok = digits_read(lexer);
	}
	if (ok && (peek(lexer, 0) == 'e' || peek(lexer, 0) == 'E')) {
		lexer->at += peek(lexer, 1) == '+' || peek(lexer, 1) == '-' ? 2 : 1;
		ok = digits_read(lexer);
	}
	if (!ok || is_digit(peek(lexer, 0)) || is_name_start(peek(lexer, 0)) || peek(lexer, 0) == '.')
		return wrong(lexer, why, "not a number");
	return OK;
}

static bool
is_hex(char byte)
{
	return is_digit(byte) || (byte >= 'a' && byte <= 'f') || (byte >= 'A' && byte <= 'F');
}

/* Bytes of the escape that comes; 0 when it is none. */
static size_t
escape_length(const struct graphql_lexer *lexer)
{
	char name = peek(lexer, 1);

	if (name == 'u')
		return is_hex(peek(lexer, 2)) && is_hex(peek(lexer, 3)) && is_hex(peek(lexer, 4)) &&
			       is_hex(peek(lexer, 5))
			   ? 6
			   : 0;
	return name != '\0' && strchr("\"\\/bfnrt", name) != NULL ? 2 : 0;
}

static enum err
string_read(struct graphql_lexer *lexer, struct why *why)
{
	size_t step;

	for (lexer->at++; peek(lexer, 0) != '"'; lexer->at += step) {
		step = peek(lexer, 0) == '\\' ? escape_length(lexer) : 1;
		if (is_control(peek(lexer, 0)) || step == 0)
			return wrong(lexer, why, "a string that has no end, or something in it that may not be there");
	}
	lexer->at++;
	return OK;
}

/* Section 2.9.4: only \""" is an escape. */
static enum err
block_read(struct graphql_lexer *lexer, struct why *why)
{
	for (lexer->at += 3; !starts(lexer, SPAN("\"\"\"")); lexer->at += starts(lexer, SPAN("\\\"\"\"")) ? 4 : 1)
		if (is_control(peek(lexer, 0)) && peek(lexer, 0) != '\n' && peek(lexer, 0) != '\r')
			return wrong(lexer, why, "a block string that has no end, or a control byte in it");
	lexer->at += 3;
	return OK;
}

static enum err
token_read(struct graphql_lexer *lexer, enum graphql_token_kind *kind, struct why *why)
{
	char byte = peek(lexer, 0);

	*kind = GRAPHQL_END;
	if (lexer->at == lexer->text.length)
		return OK;
	if (is_name_start(byte)) {
		*kind = GRAPHQL_NAME;
		name_read(lexer);
		return OK;
	}
	if (is_digit(byte) || byte == '-') {
		*kind = GRAPHQL_NUMBER;
		return number_read(lexer, why);
	}
	if (byte == '"') {
		*kind = GRAPHQL_STRING;
		return starts(lexer, SPAN("\"\"\"")) ? block_read(lexer, why) : string_read(lexer, why);
	}
	*kind = starts(lexer, SPAN("...")) ? GRAPHQL_SPREAD : GRAPHQL_PUNCTUATOR;
	if (*kind == GRAPHQL_PUNCTUATOR && strchr("!$&():=@[]{|}", byte) == NULL)
		return wrong(lexer, why, "not a token");
	lexer->at += *kind == GRAPHQL_SPREAD ? 3 : 1;
	return OK;
}

enum err
graphql_next(struct graphql_lexer *lexer, struct why *why)
{
	enum graphql_token_kind kind;
	size_t from;
	enum err r;

	if ((r = ignored_skip(lexer, why)) != OK)
		return r;
	from = lexer->at;
	if ((r = token_read(lexer, &kind, why)) != OK)
		return r;
	lexer->token = (struct graphql_token){kind, span_head(span_tail(lexer->text, from), lexer->at - from)};
	return OK;
}
