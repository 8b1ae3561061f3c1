/* Walking a JSON text that has been checked: values are found by their ends, strings are read only when asked for. */
#include "common/wire/json_letter.h"

#include "common/base/text.h"

#define LONG_S	    0x17f /* these two are s and k to readers that ignore case the Unicode way (Go's encoding/json) */
#define KELVIN_SIGN 0x212a

bool
json_hex4(struct span text, uint32_t *out)
{
	uint8_t bytes[2];

	if (text.length < 4 || !hex_read(span_head(text, 4), bytes, 2))
		return false;
	*out = (uint32_t)bytes[0] << 8 | bytes[1];
	return true;
}

/* A code point of more than one byte; the text is UTF-8. */
static uint32_t
wide_letter(struct span *inside)
{
	unsigned char first = (unsigned char)inside->at[0];
	size_t length = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
	uint32_t letter = first & (0xffu >> (length + 1));

	for (size_t i = 1; i < length; i++)
		letter = letter << 6 | ((unsigned char)inside->at[i] & 0x3f);
	*inside = span_tail(*inside, length);
	return letter;
}

static uint32_t
escaped_letter(struct span *inside)
{
	static const char names[] = "\"\\/bfnrt", letters[] = "\"\\/\b\f\n\r\t";
	char name = inside->at[1];
	uint32_t letter = 0, low = 0;

	if (name != 'u') {
		*inside = span_tail(*inside, 2);
		return (unsigned char)letters[strchr(names, name) - names];
	}
	json_hex4(span_tail(*inside, 2), &letter);
	*inside = span_tail(*inside, 6);
	if (letter < 0xd800 || letter > 0xdfff)
		return letter;
	json_hex4(span_tail(*inside, 2), &low);
	*inside = span_tail(*inside, 6);
	return 0x10000 + ((letter - 0xd800) << 10) + (low - 0xdc00);
}

uint32_t
json_letter(struct span *inside)
{
	unsigned char first = (unsigned char)inside->at[0];

	if (first == '\\')
		return escaped_letter(inside);
	if (first >= 0x80)
		return wide_letter(inside);
	*inside = span_tail(*inside, 1);
	return first;
}

/* Length of a string, quotes and all. */
static size_t
string_length(struct span text)
{
	size_t at = 1;

	while (text.at[at] != '"')
		at += text.at[at] == '\\' ? 2 : 1;
	return at + 1;
}

/* Length of an array or object: brackets are counted, strings passed over. */
static size_t
nest_length(struct span text)
{
	size_t at = 0, depth = 0;

	do {
		char byte = text.at[at];

		if (byte == '"') {
			at += string_length(span_tail(text, at));
			continue;
		}
		depth += byte == '{' || byte == '[';
		depth -= byte == '}' || byte == ']';
		at++;
	} while (depth > 0);
	return at;
}

static size_t
word_length(struct span text)
{
	size_t at = 0;

	while (at < text.length && !json_space(text.at[at]) && strchr(",]}", text.at[at]) == NULL)
		at++;
	return at;
}

static void
space_skip(struct span *text)
{
	while (text->length > 0 && json_space(text->at[0]))
		*text = span_tail(*text, 1);
}

struct json
json_first(struct span text)
{
	static const struct {
		char first;
		enum json_kind kind;
		size_t (*length)(struct span text);
	} kinds[] = {
	    {'{', JSON_KIND_OBJECT, nest_length},
	    {'[', JSON_KIND_ARRAY, nest_length},
	    {'"', JSON_KIND_STRING, string_length},
	    {'t', JSON_KIND_TRUE, word_length},
	    {'f', JSON_KIND_FALSE, word_length},
	    {'n', JSON_KIND_NULL, word_length},
	    {0, JSON_KIND_NUMBER, word_length},
	};
	size_t i = 0;

	space_skip(&text);
	while (kinds[i].first != 0 && kinds[i].first != text.at[0])
		i++;
	return (struct json){kinds[i].kind, span_head(text, kinds[i].length(text))};
}

struct json_walk
json_walk(struct json value)
{
	struct json_walk walk = {.members = value.kind == JSON_KIND_OBJECT};

	if (value.kind != JSON_KIND_OBJECT && value.kind != JSON_KIND_ARRAY)
		return walk;
	walk.rest = span_head(span_tail(value.text, 1), value.text.length - 2);
	space_skip(&walk.rest);
	return walk;
}

static struct json
value_take(struct span *rest)
{
	struct json value = json_first(*rest);

	*rest = span_tail(*rest, (size_t)(value.text.at + value.text.length - rest->at));
	space_skip(rest);
	return value;
}

bool
json_next(struct json_walk *walk, struct json *name, struct json *value)
{
	struct json member = {0};

	if (walk->rest.length == 0)
		return false;
	if (walk->members) {
		member = value_take(&walk->rest);
		walk->rest = span_tail(walk->rest, 1); /* the colon */
	}
	if (name != NULL)
		*name = member;
	*value = value_take(&walk->rest);
	walk->rest = span_tail(walk->rest, 1); /* a comma, if anything */
	space_skip(&walk->rest);
	return true;
}

static struct span
inside(struct json string)
{
	return span_head(span_tail(string.text, 1), string.text.length - 2);
}

static uint32_t
folded(uint32_t letter)
{
	if (letter == LONG_S)
		return 's';
	if (letter == KELVIN_SIGN)
		return 'k';
	return letter >= 'A' && letter <= 'Z' ? letter + ('a' - 'A') : letter;
}

enum likeness { DIFFERENT, SAME_BUT_FOR_CASE, SAME };

static enum likeness
compare(struct json string, const char *text)
{
	enum likeness likeness = SAME;
	struct span rest = inside(string);

	for (; rest.length > 0 && *text != '\0'; text++) {
		uint32_t letter = json_letter(&rest), wanted = (unsigned char)*text;

		if (folded(letter) != folded(wanted))
			return DIFFERENT;
		if (letter != wanted)
			likeness = SAME_BUT_FOR_CASE;
	}
	return rest.length == 0 && *text == '\0' ? likeness : DIFFERENT;
}

bool
json_is(struct json string, const char *text)
{
	return string.kind == JSON_KIND_STRING && compare(string, text) == SAME;
}

enum err
json_pick(struct json object, const char *const *names, size_t names_n, struct json *out, struct why *why)
{
	struct json_walk walk = json_walk(object), again = walk;
	struct json name, value;

	while (walk.members && json_next(&walk, &name, &value))
		for (size_t i = 0; i < names_n; i++)
			if (compare(name, names[i]) == SAME_BUT_FOR_CASE)
				return fail(why, ERR_SYNTAX, "a member is called \"%s\" in other letters", names[i]);
	memset(out, 0, names_n * sizeof(*out));
	while (again.members && json_next(&again, &name, &value))
		for (size_t i = 0; i < names_n; i++)
			if (json_is(name, names[i]))
				out[i] = value;
	return OK;
}

struct json
json_get(struct json object, const char *name)
{
	struct json_walk walk = json_walk(object);
	struct json member, value;

	while (walk.members && json_next(&walk, &member, &value))
		if (json_is(member, name))
			return value;
	return (struct json){0};
}

static size_t
letter_write(uint32_t letter, char *to)
{
	if (letter < 0x80) {
		to[0] = (char)letter;
		return 1;
	}
	if (letter < 0x800) {
		to[0] = (char)(0xc0 | letter >> 6);
		to[1] = (char)(0x80 | (letter & 0x3f));
		return 2;
	}
	if (letter < 0x10000) {
		to[0] = (char)(0xe0 | letter >> 12);
		to[1] = (char)(0x80 | (letter >> 6 & 0x3f));
		to[2] = (char)(0x80 | (letter & 0x3f));
		return 3;
	}
	to[0] = (char)(0xf0 | letter >> 18);
	to[1] = (char)(0x80 | (letter >> 12 & 0x3f));
	to[2] = (char)(0x80 | (letter >> 6 & 0x3f));
	to[3] = (char)(0x80 | (letter & 0x3f));
	return 4;
}

enum err
json_text(struct json string, struct arena *arena, struct span *out, struct why *why)
{
	struct span rest;
	size_t at, n = 0;
	char *copy;

	if (string.kind != JSON_KIND_STRING)
		return fail(why, ERR_INVALID, "%s where a string is wanted", json_kind_name(string.kind));
	rest = inside(string);
	if (!span_find(rest, '\\', &at)) {
		*out = rest;
		return OK;
	}
	if ((copy = arena_alloc(arena, rest.length)) == NULL) /* an escape is never shorter than its letter */
		return fail(why, ERR_LIMIT, "a string needs too much memory");
	while (rest.length > 0)
		n += letter_write(json_letter(&rest), copy + n);
	*out = (struct span){copy, n};
	return OK;
}

bool
json_whole(struct json value)
{
	return value.kind == JSON_KIND_NUMBER && span_only(value.text, "-0123456789");
}

const char *
json_kind_name(enum json_kind kind)
{
	static const char *const names[] = {
	    "nothing", "null", "false", "true", "a number", "a string", "an array", "an object"};

	return names[kind];
}
