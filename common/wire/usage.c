/* Token counts: a small automaton looks for "usage" : { and keeps that object alone. */
#include "common/wire/usage.h"

#include "common/base/text.h"
#include "common/wire/json.h"

enum { SEEKING, COLON, BRACE, OBJECT };

/* Quotes within JSON strings are written \", so these bytes in a row are a name (or a whole string) and nothing else. */
static const char needle[] = "\"usage\"";

#define TOKENS_MAX (UINT64_C(1) << 53)

static void
count(struct json object, const char *name, uint64_t *to, bool *found)
{
	struct json value = json_get(object, name);
	uint64_t number;
	struct why why;

	if (value.kind == JSON_KIND_NUMBER && number_parse(value.text, 0, TOKENS_MAX, &number, &why) == OK) {
		*to = number;
		*found = true;
	}
}

static void
object_read(struct usage *usage)
{
	struct json object;
	struct why why;

	if (json_read(span_of_bytes(usage->object, usage->n), &object, &why) != OK)
		return;
	count(object, "prompt_tokens", &usage->input, &usage->found);
	count(object, "input_tokens", &usage->input, &usage->found);
	count(object, "completion_tokens", &usage->output, &usage->found);
	count(object, "output_tokens", &usage->output, &usage->found);
}

static void
seek(struct usage *usage, char byte)
{
	if (byte == needle[usage->matched])
		usage->matched++;
	else
		usage->matched = byte == needle[0];
	if (usage->matched < sizeof(needle) - 1)
		return;
	usage->matched = 0;
	usage->state = COLON;
}

/* Within the object: strings are passed over, brackets counted. */
static void
collect(struct usage *usage, char byte)
{
	if (usage->n == USAGE_BYTES) {
		usage->state = SEEKING;
		return;
	}
	usage->object[usage->n++] = byte;
	if (usage->string) {
		usage->string = usage->escape || byte != '"';
		usage->escape = !usage->escape && byte == '\\';
		return;
	}
	usage->string = byte == '"';
	usage->depth += byte == '{' || byte == '[';
	usage->depth -= (byte == '}' || byte == ']') && usage->depth > 0;
	if (usage->depth > 0)
		return;
	object_read(usage);
	usage->state = SEEKING;
}

static void
begin(struct usage *usage, char byte)
{
	bool space = byte == ' ' || byte == '\t' || byte == '\r' || byte == '\n';

	if (space)
		return;
	if (usage->state == COLON && byte == ':') {
		usage->state = BRACE;
	} else if (usage->state == BRACE && byte == '{') {
		usage->state = OBJECT;
		usage->n = usage->depth = 0;
		usage->string = usage->escape = false;
		collect(usage, byte);
	} else {
		usage->state = SEEKING;
		seek(usage, byte);
	}
}

void
usage_feed(struct usage *usage, struct span bytes)
{
	size_t i = 0;

	while (i < bytes.length) {
		if (usage->state == SEEKING && usage->matched == 0) { /* most of an answer */
			size_t at = 0;

			if (!span_find(span_tail(bytes, i), needle[0], &at))
				return;
			i += at;
		}
		if (usage->state == SEEKING)
			seek(usage, bytes.at[i]);
		else if (usage->state == OBJECT)
			collect(usage, bytes.at[i]);
		else
			begin(usage, bytes.at[i]);
		i++;
	}
}
