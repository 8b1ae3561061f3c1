/* Messages from msgpack, by the tables of proto/bus.def: strict, bounded, nothing but the shortest encoding. */
#include <stdlib.h>
#include <string.h>

#include "common/bus/codec.h"
#include "common/bus/codec_field.h"

#define DEPTH_MAX 4

struct reader {
	struct span left;
	uint32_t release; /* of who wrote it */
	struct arena *arena;
	struct why *why;
};

#define MALFORMED(r, what) fail((r)->why, ERR_PROTOCOL, "%s", what)

static enum err
take_byte(struct reader *r, uint8_t *out)
{
	if (r->left.length == 0)
		return MALFORMED(r, "truncated");
	*out = (uint8_t)r->left.at[0];
	r->left = span_tail(r->left, 1);
	return OK;
}

/* A big-endian number that must not have fitted in the next smaller form. */
static enum err
take_wide(struct reader *r, size_t bytes, uint64_t least, uint64_t *out)
{
	uint64_t value = 0;

	if (r->left.length < bytes)
		return MALFORMED(r, "truncated");
	for (size_t i = 0; i < bytes; i++)
		value = value << 8 | (uint8_t)r->left.at[i];
	r->left = span_tail(r->left, bytes);
	if (value < least)
		return MALFORMED(r, "not the shortest encoding");
	*out = value;
	return OK;
}

static enum err
take_number(struct reader *r, uint64_t *out)
{
	uint8_t lead = 0;
	enum err e;

	if ((e = take_byte(r, &lead)) != OK)
		return e;
	switch (lead) {
	case 0xcc:
		return take_wide(r, 1, 0x80, out);
	case 0xcd:
		return take_wide(r, 2, 0x100, out);
	case 0xce:
		return take_wide(r, 4, 0x10000, out);
	case 0xcf:
		return take_wide(r, 8, 0x100000000, out);
	default:
		if (lead >= 0x80)
			return MALFORMED(r, "not a number");
		*out = lead;
		return OK;
	}
}

static enum err
take_array(struct reader *r, uint64_t *count)
{
	uint8_t lead = 0;
	enum err e;

	if ((e = take_byte(r, &lead)) != OK)
		return e;
	if (lead == 0xdc)
		return take_wide(r, 2, 16, count);
	if (lead == 0xdd)
		return take_wide(r, 4, 0x10000, count);
	if ((lead & 0xf0) != 0x90)
		return MALFORMED(r, "not an array");
	*count = lead & 0x0f;
	return OK;
}

static enum err
take_length(struct reader *r, uint64_t length, struct span *out)
{
	if (length > r->left.length)
		return MALFORMED(r, "truncated");
	*out = span_head(r->left, (size_t)length);
	r->left = span_tail(r->left, (size_t)length);
	return OK;
}

static enum err
take_text(struct reader *r, struct span *out)
{
	uint64_t length = 0;
	uint8_t lead = 0;
	enum err e;

	if ((e = take_byte(r, &lead)) != OK)
		return e;
	if ((lead & 0xe0) == 0xa0)
		return take_length(r, lead & 0x1f, out);
	if (lead == 0xd9)
		e = take_wide(r, 1, 32, &length);
	else if (lead == 0xda)
		e = take_wide(r, 2, 0x100, &length);
	else if (lead == 0xdb)
		e = take_wide(r, 4, 0x10000, &length);
	else
		e = MALFORMED(r, "not text");
	return e == OK ? take_length(r, length, out) : e;
}

static enum err
take_bytes(struct reader *r, struct span *out)
{
	uint64_t length = 0;
	uint8_t lead = 0;
	enum err e;

	if ((e = take_byte(r, &lead)) != OK)
		return e;
	if (lead == 0xc4)
		e = take_wide(r, 1, 0, &length);
	else if (lead == 0xc5)
		e = take_wide(r, 2, 0x100, &length);
	else if (lead == 0xc6)
		e = take_wide(r, 4, 0x10000, &length);
	else
		e = MALFORMED(r, "not bytes");
	return e == OK ? take_length(r, length, out) : e;
}

/* Count and room for a list; each item takes at least a byte, so a count that cannot be true costs nothing. */
static enum err
take_list(struct reader *r, const struct field *field, size_t size, void **items, uint64_t *count)
{
	enum err e;

	if ((e = take_array(r, count)) != OK || (e = check_count(field, (size_t)*count, ERR_PROTOCOL, r->why)) != OK)
		return e;
	if (*count > r->left.length)
		return MALFORMED(r, "truncated");
	*items = NULL;
	if (*count > 0 && (*items = arena_array(r->arena, (size_t)*count, size)) == NULL)
		return fail(r->why, ERR_LIMIT, "%s: no room for %llu items", field->name, (unsigned long long)*count);
	return OK;
}

static enum err take_fields(struct reader *r, const struct msg_info *info, void *to, int depth);

static enum err
take_texts(struct reader *r, const struct field *field, char *to)
{
	struct span *texts;
	uint64_t count;
	enum err e;

	if ((e = take_list(r, field, sizeof(*texts), (void **)&texts, &count)) != OK)
		return e;
	for (uint64_t i = 0; i < count; i++)
		if ((e = take_text(r, &texts[i])) != OK ||
		    (e = check_text(field, texts[i], ERR_PROTOCOL, r->why)) != OK)
			return e;
	memcpy(to + field->offset, &texts, sizeof(texts));
	*(size_t *)(to + field->count_offset) = (size_t)count;
	return OK;
}

static enum err
take_many(struct reader *r, const struct field *field, char *to, int depth)
{
	char *items;
	uint64_t count;
	enum err e;

	if (depth >= DEPTH_MAX)
		return MALFORMED(r, "nested too deep");
	if ((e = take_list(r, field, field->size, (void **)&items, &count)) != OK)
		return e;
	for (uint64_t i = 0; i < count; i++)
		if ((e = take_fields(r, field->part(), items + i * field->size, depth + 1)) != OK)
			return because(r->why, e, "%s %llu", field->name, (unsigned long long)i);
	memcpy(to + field->offset, &items, sizeof(items));
	*(size_t *)(to + field->count_offset) = (size_t)count;
	return OK;
}

static enum err
take_flag(struct reader *r, bool *out)
{
	uint8_t lead = 0;
	enum err e;

	if ((e = take_byte(r, &lead)) != OK)
		return e;
	if (lead != 0xc2 && lead != 0xc3)
		return MALFORMED(r, "not a flag");
	*out = lead == 0xc3;
	return OK;
}

static enum err
take_field(struct reader *r, const struct field *field, char *to, int depth)
{
	char *at = to + field->offset;
	struct span span;
	uint64_t value;
	enum err e;

	switch (field->kind) {
	case FIELD_ID:
		if ((e = take_bytes(r, &span)) != OK)
			return e;
		if (span.length != sizeof(struct id))
			return MALFORMED(r, "an id has 16 bytes");
		memcpy(at, span.at, span.length);
		return OK;
	case FIELD_FLAG:
		return take_flag(r, (bool *)at);
	case FIELD_NUMBER:
		if ((e = take_number(r, &value)) == OK && (e = check_bounds(field, value, ERR_PROTOCOL, r->why)) == OK)
			number_store(at, field->size, value);
		return e;
	case FIELD_TEXT:
		if ((e = take_text(r, &span)) == OK && (e = check_text(field, span, ERR_PROTOCOL, r->why)) == OK)
			memcpy(at, &span, sizeof(span));
		return e;
	case FIELD_BYTES:
		if ((e = take_bytes(r, &span)) == OK &&
		    (e = check_bounds(field, span.length, ERR_PROTOCOL, r->why)) == OK)
			memcpy(at, &span, sizeof(span));
		return e;
	case FIELD_TEXTS:
		return take_texts(r, field, to);
	case FIELD_MANY:
		return take_many(r, field, to, depth);
	case FIELD_SINCE:
		return OK;
	default:
		abort();
	}
}

/* What an older release does not say: the least that each field may hold. The struct is zero. */
static void
fields_default(const struct msg_info *info, size_t row, char *to)
{
	for (; row < info->rows; row++)
		if (info->fields[row].kind == FIELD_NUMBER)
			number_store(to + info->fields[row].offset, info->fields[row].size, info->fields[row].low);
}

static enum err
take_fields(struct reader *r, const struct msg_info *info, void *to, int depth)
{
	size_t fields, rows = msg_rows(info, r->release, &fields);
	uint64_t count;
	enum err e;

	if ((e = take_array(r, &count)) != OK)
		return e;
	if (count != fields)
		return fail(
		    r->why, ERR_PROTOCOL, "%s has %zu fields, not %llu", info->name, fields, (unsigned long long)count);
	for (size_t i = 0; i < rows; i++)
		if ((e = take_field(r, &info->fields[i], to, depth)) != OK)
			return because(r->why, e, "%s", info->fields[i].name);
	fields_default(info, rows, to);
	return OK;
}

static enum err
take_msg(struct reader *r, struct msg *out)
{
	const struct msg_info *info;
	uint64_t number;
	enum err e;

	if ((e = take_number(r, &number)) != OK)
		return e;
	if (number > UINT16_MAX || (info = msg_info((uint32_t)number)) == NULL || msg_since(info) > r->release)
		return fail(r->why, ERR_PROTOCOL, "no message has the number %llu", (unsigned long long)number);
	out->id = info->id;
	out->arena = r->arena;
	if ((e = take_fields(r, info, &out->hello, 0)) != OK)
		return because(r->why, e, "%s", info->name);
	return OK;
}

static enum err
err_of_name(struct span name)
{
	for (int i = OK + 1; i < ERR_COUNT; i++)
		if (span_is(name, err_name((enum err)i)))
			return (enum err)i;
	return ERR_INTERNAL;
}

static enum err
take_error(struct reader *r, struct envelope *out)
{
	uint64_t number, count;
	struct span name, words;
	enum err e;

	if ((e = take_number(r, &number)) != OK || (e = take_array(r, &count)) != OK)
		return e;
	if (number != 0 || count != 2)
		return MALFORMED(r, "not an error");
	if ((e = take_text(r, &name)) != OK || (e = take_text(r, &words)) != OK)
		return e;
	if (words.length > ERROR_WORDS_MAX || !span_utf8(words))
		return MALFORMED(r, "words of an error");
	out->error = err_of_name(name);
	out->words = words;
	return OK;
}

static enum err
nothing_left(struct reader *r)
{
	return r->left.length == 0 ? OK : fail(r->why, ERR_PROTOCOL, "%zu bytes left over", r->left.length);
}

static enum err
take_header(struct reader *r, uint64_t *kind, uint64_t *call)
{
	uint64_t count;
	enum err e;

	if ((e = take_array(r, &count)) != OK)
		return e;
	if (count != ENVELOPE_FIELDS)
		return MALFORMED(r, "not an envelope");
	if ((e = take_number(r, kind)) != OK || (e = take_number(r, call)) != OK)
		return e;
	if (*kind < ENVELOPE_REQUEST || *kind > ENVELOPE_EVENT || (*kind == ENVELOPE_EVENT) != (*call == 0))
		return MALFORMED(r, "not an envelope");
	return OK;
}

enum err
envelope_decode(struct span bytes, uint32_t release, struct arena *arena, struct envelope *out, struct why *why)
{
	struct reader r = {bytes, release, arena, why};
	struct envelope got = {0};
	uint64_t kind, call;
	enum err e;

	if (bytes.length > MSG_BYTES_MAX)
		return fail(why, ERR_PROTOCOL, "longer than %u bytes", MSG_BYTES_MAX);
	if ((e = take_header(&r, &kind, &call)) != OK)
		return e;
	got.kind = (enum envelope_kind)kind;
	got.call = call;
	e = got.kind == ENVELOPE_ERROR ? take_error(&r, &got) : take_msg(&r, &got.msg);
	if (e != OK || (e = nothing_left(&r)) != OK)
		return e;
	got.msg.call = got.kind == ENVELOPE_REQUEST ? call : 0;
	*out = got;
	return OK;
}

enum err
msg_decode(struct span bytes, struct arena *arena, struct msg *out, struct why *why)
{
	struct reader r = {bytes, BUS_RELEASE, arena, why};
	struct msg got = {0};
	uint64_t count;
	enum err e;

	if ((e = take_array(&r, &count)) != OK)
		return e;
	if (count != 2)
		return fail(why, ERR_PROTOCOL, "not a message");
	if ((e = take_msg(&r, &got)) != OK || (e = nothing_left(&r)) != OK)
		return e;
	*out = got;
	return OK;
}
