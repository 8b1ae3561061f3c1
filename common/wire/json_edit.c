/* Editing a JSON object: one pass over its members, each kept, replaced or left out. */
#include "common/wire/json_edit.h"

#include "common/base/text.h"

#define EDITS_MAX 8

size_t
json_edit_room(struct json object, const struct json_edit *edits, size_t n)
{
	size_t room = object.text.length + 2;

	for (size_t i = 0; i < n; i++)
		room += strlen(edits[i].name) + edits[i].value.length + 4;
	return room;
}

static char *
put(char *at, struct span bytes)
{
	if (bytes.length > 0)
		memcpy(at, bytes.at, bytes.length);
	return at + bytes.length;
}

static char *
member_put(char *at, char *begin, struct span name, struct span value)
{
	if (at > begin + 1)
		*at++ = ',';
	at = put(at, name);
	*at++ = ':';
	return put(at, value);
}

static bool
is_edited(struct json name, const struct json_edit *edits, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (json_is(name, edits[i].name))
			return true;
	return false;
}

/* json_pick refuses what is called so only when case is ignored. */
static enum err
check(struct json object, const struct json_edit *edits, size_t n, struct why *why)
{
	const char *names[EDITS_MAX];
	struct json found[EDITS_MAX];

	if (object.kind != JSON_KIND_OBJECT)
		return fail(why, ERR_INVALID, "it is %s, not an object", json_kind_name(object.kind));
	if (n > EDITS_MAX)
		return fail(why, ERR_INVALID, "%zu edits, at most %d", n, EDITS_MAX);
	for (size_t i = 0; i < n; i++)
		names[i] = edits[i].name;
	return json_pick(object, names, n, found, why);
}

enum err
json_edit(struct json object, const struct json_edit *edits, size_t n, char *to, struct span *out, struct why *why)
{
	struct json_walk walk = json_walk(object);
	struct json name, value;
	char *at = to;
	enum err r;

	if ((r = check(object, edits, n, why)) != OK)
		return r;
	*at++ = '{';
	for (size_t i = 0; i < n; i++) {
		char quoted[128];
		struct text text = TEXT_OF(quoted);

		if (edits[i].value.length == 0)
			continue;
		text_add(&text, "\"%s\"", edits[i].name);
		at = member_put(at, to, text_span(&text), edits[i].value);
	}
	while (json_next(&walk, &name, &value))
		if (!is_edited(name, edits, n))
			at = member_put(at, to, name.text, value.text);
	*at++ = '}';
	*out = span_of_bytes(to, (size_t)(at - to));
	return OK;
}

void
json_string_write(struct text *text, struct span value)
{
	text_add(text, "\"");
	for (size_t i = 0; i < value.length; i++) {
		unsigned char byte = (unsigned char)value.at[i];

		if (byte == '"' || byte == '\\')
			text_add(text, "\\%c", byte);
		else if (byte < ' ' || byte == 0x7f)
			text_add(text, "\\u%04x", byte);
		else
			text_add_span(text, span_of_bytes(value.at + i, 1));
	}
	text_add(text, "\"");
}
