/* Checking a JSON text: one pass with a stack of what is open; the names of each object are compared at its end. */
#include "common/wire/json.h"

#include <stdlib.h>

#include "common/base/clean.h"
#include "common/wire/json_letter.h"

/* An array or object that is open. */
struct level {
	bool object;
	size_t names_before; /* names[] of those around it */
};

struct reader {
	struct span text;
	size_t at;
	struct level levels[JSON_DEPTH_MAX];
	size_t depth;
	struct span *names; /* without their quotes */
	size_t names_n, names_room;
	struct why *why;
};

static void
reader_done(struct reader *reader)
{
	free(reader->names);
}

static enum err
wrong(struct reader *reader, enum err code, const char *words)
{
	return fail(reader->why, code, "byte %zu: %s", reader->at + 1, words);
}

/* The byte that comes next; 0 at the end (a text that holds NUL was refused before). */
static char
peek(const struct reader *reader)
{
	return reader->at < reader->text.length ? reader->text.at[reader->at] : '\0';
}

static bool
eat(struct reader *reader, char byte)
{
	if (peek(reader) != byte)
		return false;
	reader->at++;
	return true;
}

static void
space(struct reader *reader)
{
	while (reader->at < reader->text.length && json_space(peek(reader)))
		reader->at++;
}

static bool
eat_digits(struct reader *reader)
{
	size_t from = reader->at;

	while (peek(reader) >= '0' && peek(reader) <= '9')
		reader->at++;
	return reader->at > from;
}

static enum err
number_read(struct reader *reader)
{
	bool ok;

	eat(reader, '-');
	ok = eat(reader, '0') || eat_digits(reader);
	if (ok && eat(reader, '.'))
		ok = eat_digits(reader);
	if (ok && (eat(reader, 'e') || eat(reader, 'E'))) {
		if (!eat(reader, '+'))
			eat(reader, '-');
		ok = eat_digits(reader);
	}
	return ok ? OK : wrong(reader, ERR_SYNTAX, "not a number");
}

static enum err
hex4_read(struct reader *reader, uint32_t *out)
{
	if (!json_hex4(span_tail(reader->text, reader->at), out))
		return wrong(reader, ERR_SYNTAX, "not four hex digits");
	reader->at += 4;
	return OK;
}

/* Behind a backslash. Halves of surrogate pairs stand for no letter: readers differ in what they make of them. */
static enum err
escape_read(struct reader *reader)
{
	uint32_t high, low = 0;
	enum err r;

	if (peek(reader) == '\0' || strchr("\"\\/bfnrtu", peek(reader)) == NULL)
		return wrong(reader, ERR_SYNTAX, "no such escape");
	if (!eat(reader, 'u')) {
		reader->at++;
		return OK;
	}
	if ((r = hex4_read(reader, &high)) != OK || high < 0xd800 || high > 0xdfff)
		return r;
	if (high <= 0xdbff && eat(reader, '\\') && eat(reader, 'u') && (r = hex4_read(reader, &low)) != OK)
		return r;
	return low >= 0xdc00 && low <= 0xdfff ? OK : wrong(reader, ERR_SYNTAX, "half of a surrogate pair");
}

static enum err
string_read(struct reader *reader)
{
	enum err r;

	if (!eat(reader, '"'))
		return wrong(reader, ERR_SYNTAX, "a string is wanted");
	while (!eat(reader, '"')) {
		if ((unsigned char)peek(reader) < ' ')
			return wrong(reader, ERR_SYNTAX, "a string that has no end, or a control byte in it");
		if (!eat(reader, '\\'))
			reader->at++;
		else if ((r = escape_read(reader)) != OK)
			return r;
	}
	return OK;
}

static enum err
word_read(struct reader *reader)
{
	static const char *const words[] = {"true", "false", "null"};

	for (size_t i = 0; i < COUNT(words); i++)
		if (span_starts(span_tail(reader->text, reader->at), span_of_text(words[i]))) {
			reader->at += strlen(words[i]);
			return OK;
		}
	return wrong(reader, ERR_SYNTAX, "not a value");
}

static enum err
name_keep(struct reader *reader, struct span name)
{
	if (reader->names_n == JSON_NAMES_MAX)
		return wrong(reader, ERR_LIMIT, "too many members");
	if (reader->names_n == reader->names_room) {
		reader->names_room = reader->names_room == 0 ? 64 : 2 * reader->names_room;
		reader->names = reallocarray(reader->names, reader->names_room, sizeof(*reader->names));
		if (reader->names == NULL)
			abort();
	}
	reader->names[reader->names_n++] = name;
	return OK;
}

/* A member's name and its colon. */
static enum err
name_read(struct reader *reader)
{
	size_t from;
	enum err r;

	space(reader);
	from = reader->at + 1;
	if ((r = string_read(reader)) != OK ||
	    (r = name_keep(reader, (struct span){reader->text.at + from, reader->at - 1 - from})) != OK)
		return r;
	space(reader);
	return eat(reader, ':') ? OK : wrong(reader, ERR_SYNTAX, "a colon is wanted");
}

static int
name_compare(const void *a, const void *b)
{
	struct span x = *(const struct span *)a, y = *(const struct span *)b;

	while (x.length > 0 && y.length > 0) {
		uint32_t one = json_letter(&x), other = json_letter(&y);

		if (one != other)
			return one < other ? -1 : 1;
	}
	return (x.length > 0) - (y.length > 0);
}

/* The innermost array or object is over. */
static enum err
level_end(struct reader *reader)
{
	struct level level = reader->levels[--reader->depth];
	size_t n = reader->names_n - level.names_before;
	struct span *names = n == 0 ? NULL : reader->names + level.names_before;

	if (n > 1)
		qsort(names, n, sizeof(*names), name_compare);
	for (size_t i = 1; i < n; i++)
		if (name_compare(&names[i - 1], &names[i]) == 0)
			return wrong(reader, ERR_SYNTAX, "an object that ends here has a member twice");
	reader->names_n = level.names_before;
	return OK;
}

/* What may follow a value: the ends of those around it, then a comma (more to come) or the end of the text. */
static enum err
value_end(struct reader *reader, bool *more)
{
	enum err r;

	while (reader->depth > 0) {
		bool object = reader->levels[reader->depth - 1].object;

		space(reader);
		*more = eat(reader, ',');
		if (*more)
			return object ? name_read(reader) : OK;
		if (!eat(reader, object ? '}' : ']'))
			return wrong(reader, ERR_SYNTAX, "a comma or the end of an array or object is wanted");
		if ((r = level_end(reader)) != OK)
			return r;
	}
	*more = false;
	return OK;
}

/* An array or object begins; *more: it is not empty, so a value comes next. */
static enum err
level_begin(struct reader *reader, bool *more)
{
	bool object = reader->text.at[reader->at] == '{';

	if (reader->depth == JSON_DEPTH_MAX)
		return wrong(reader, ERR_LIMIT, "nested too deeply");
	reader->levels[reader->depth++] = (struct level){object, reader->names_n};
	reader->at++;
	space(reader);
	*more = peek(reader) != (object ? '}' : ']');
	if (!*more) {
		reader->at++;
		return level_end(reader);
	}
	return object ? name_read(reader) : OK;
}

static enum err
scalar_read(struct reader *reader)
{
	char byte = peek(reader);

	if (byte == '"')
		return string_read(reader);
	return byte == '-' || (byte >= '0' && byte <= '9') ? number_read(reader) : word_read(reader);
}

static enum err
values_read(struct reader *reader)
{
	bool more = true;
	enum err r;

	while (more) {
		space(reader);
		more = false;
		if (peek(reader) == '{' || peek(reader) == '[')
			r = level_begin(reader, &more);
		else
			r = scalar_read(reader);
		if (r == OK && !more)
			r = value_end(reader, &more);
		if (r != OK)
			return r;
	}
	space(reader);
	return reader->at == reader->text.length ? OK : wrong(reader, ERR_SYNTAX, "something behind the value");
}

enum err
json_read(struct span text, struct json *out, struct why *why)
{
	__attribute__((cleanup(reader_done))) struct reader reader = {.text = text, .why = why};
	enum err r;

	if (!span_utf8(text))
		return fail(why, ERR_SYNTAX, "not UTF-8");
	if ((r = values_read(&reader)) == OK)
		*out = json_first(text);
	return r;
}
