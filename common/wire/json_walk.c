/* Walking a JSON text that has been checked: values are found by their ends, strings are read only when asked for. */
#include "common/wire/json.h"
#include "common/wire/json_letter.h"

#define LONG_S	    0x17f /* these two are s and k to readers that ignore case the Unicode way (Go's encoding/json) */
#define KELVIN_SIGN 0x212a

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

enum err
json_unescape(struct json string, struct arena *arena, struct span *out, struct why *why)
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
		n += json_letter_write(json_letter(&rest), copy + n);
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

enum err
json_batch(struct json array, size_t max, size_t *out, struct why *why)
{
	struct json_walk walk = json_walk(array);
	struct json item;
	size_t n = 0;

	while (n <= max && json_next(&walk, NULL, &item))
		n++;
	if (n == 0)
		return fail(why, ERR_SYNTAX, "an empty batch");
	if (n > max)
		return fail(why, ERR_LIMIT, "a batch of more than %zu", max);
	*out = n;
	return OK;
}
