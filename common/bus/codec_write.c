/* Messages to msgpack, by the tables of proto/bus.def: shortest encodings only. */
#include <stdlib.h>
#include <string.h>

#include "common/bus/codec.h"
#include "common/bus/codec_field.h"

struct writer {
	char *at;
	size_t length, room;
	uint32_t release; /* of who is to read it */
	bool over;	  /* past MSG_BYTES_MAX */
};

/* Not realloc, which leaves behind what it has moved: it may hold a key or a token. */
static void
grow(struct writer *w, size_t n)
{
	size_t room = w->room < 256 ? 256 : w->room;
	char *larger;

	while (room - w->length < n)
		room *= 2;
	if ((larger = malloc(room)) == NULL)
		abort();
	if (w->length > 0) {
		memcpy(larger, w->at, w->length);
		explicit_bzero(w->at, w->length);
	}
	free(w->at);
	w->at = larger;
	w->room = room;
}

static void
put(struct writer *w, const void *bytes, size_t n)
{
	if (n > MSG_BYTES_MAX || w->length > MSG_BYTES_MAX - n) {
		w->over = true;
		return;
	}
	if (w->room - w->length < n)
		grow(w, n);
	if (n > 0)
		memcpy(w->at + w->length, bytes, n);
	w->length += n;
}

/* A lead byte and a big-endian number of so many bytes. */
static void
put_lead(struct writer *w, uint8_t lead, uint64_t value, size_t bytes)
{
	uint8_t out[9] = {lead};

	for (size_t i = 0; i < bytes; i++)
		out[1 + i] = (uint8_t)(value >> (8 * (bytes - 1 - i)));
	put(w, out, 1 + bytes);
}

static void
put_number(struct writer *w, uint64_t value)
{
	if (value < 0x80)
		put_lead(w, (uint8_t)value, 0, 0);
	else if (value <= UINT8_MAX)
		put_lead(w, 0xcc, value, 1);
	else if (value <= UINT16_MAX)
		put_lead(w, 0xcd, value, 2);
	else if (value <= UINT32_MAX)
		put_lead(w, 0xce, value, 4);
	else
		put_lead(w, 0xcf, value, 8);
}

static void
put_text(struct writer *w, struct span text)
{
	if (text.length < 32)
		put_lead(w, (uint8_t)(0xa0 | text.length), 0, 0);
	else if (text.length <= UINT8_MAX)
		put_lead(w, 0xd9, text.length, 1);
	else if (text.length <= UINT16_MAX)
		put_lead(w, 0xda, text.length, 2);
	else
		put_lead(w, 0xdb, text.length, 4);
	put(w, text.at, text.length);
}

static void
put_bytes(struct writer *w, struct span bytes)
{
	if (bytes.length <= UINT8_MAX)
		put_lead(w, 0xc4, bytes.length, 1);
	else if (bytes.length <= UINT16_MAX)
		put_lead(w, 0xc5, bytes.length, 2);
	else
		put_lead(w, 0xc6, bytes.length, 4);
	put(w, bytes.at, bytes.length);
}

static void
put_array(struct writer *w, size_t count)
{
	if (count < 16)
		put_lead(w, (uint8_t)(0x90 | count), 0, 0);
	else if (count <= UINT16_MAX)
		put_lead(w, 0xdc, count, 2);
	else
		put_lead(w, 0xdd, count, 4);
}

static enum err put_fields(struct writer *w, const struct msg_info *info, const void *from, struct why *why);

static enum err
put_texts(struct writer *w, const struct field *field, const struct span *texts, size_t count, struct why *why)
{
	enum err r;

	if ((r = check_count(field, count, ERR_RANGE, why)) != OK)
		return r;
	put_array(w, count);
	for (size_t i = 0; i < count; i++) {
		if ((r = check_text(field, texts[i], ERR_RANGE, why)) != OK)
			return r;
		put_text(w, texts[i]);
	}
	return OK;
}

static enum err
put_many(struct writer *w, const struct field *field, const char *items, size_t count, struct why *why)
{
	enum err r;

	if ((r = check_count(field, count, ERR_RANGE, why)) != OK)
		return r;
	put_array(w, count);
	for (size_t i = 0; i < count; i++)
		if ((r = put_fields(w, field->part(), items + i * field->size, why)) != OK)
			return because(why, r, "%s %zu", field->name, i);
	return OK;
}

static enum err
put_field(struct writer *w, const struct field *field, const char *from, struct why *why)
{
	const char *at = from + field->offset;
	size_t count = field->count_offset == 0 ? 0 : *(const size_t *)(from + field->count_offset);
	struct span span;
	uint64_t value;
	enum err r = OK;

	switch (field->kind) {
	case FIELD_ID:
		put_bytes(w, span_of_bytes(at, sizeof(struct id)));
		return OK;
	case FIELD_FLAG:
		put_lead(w, *(const bool *)at ? 0xc3 : 0xc2, 0, 0);
		return OK;
	case FIELD_NUMBER:
		value = number_load(at, field->size);
		if ((r = check_bounds(field, value, ERR_RANGE, why)) == OK)
			put_number(w, value);
		return r;
	case FIELD_TEXT:
		memcpy(&span, at, sizeof(span));
		if ((r = check_text(field, span, ERR_RANGE, why)) == OK)
			put_text(w, span);
		return r;
	case FIELD_BYTES:
		memcpy(&span, at, sizeof(span));
		if ((r = check_bounds(field, span.length, ERR_RANGE, why)) == OK)
			put_bytes(w, span);
		return r;
	case FIELD_TEXTS:
		return put_texts(w, field, *(struct span *const *)at, count, why);
	case FIELD_MANY:
		return put_many(w, field, *(char *const *)at, count, why);
	case FIELD_SINCE:
		return OK;
	default:
		abort();
	}
}

static enum err
put_fields(struct writer *w, const struct msg_info *info, const void *from, struct why *why)
{
	size_t fields, rows = msg_rows(info, w->release, &fields);
	enum err r;

	put_array(w, fields);
	for (size_t i = 0; i < rows; i++)
		if ((r = put_field(w, &info->fields[i], from, why)) != OK)
			return r;
	return OK;
}

static enum err
put_msg(struct writer *w, const struct msg *msg, struct why *why)
{
	const struct msg_info *info = msg_info(msg->id);
	enum err r;

	if (info == NULL)
		return fail(why, ERR_RANGE, "no message has the number %u", (unsigned)msg->id);
	if (msg_since(info) > w->release)
		return fail(why, ERR_STATE,
		    "%s came with release %u, and this is for a process of release %u: start it anew", info->name,
		    msg_since(info), w->release);
	put_number(w, msg->id);
	if ((r = put_fields(w, info, &msg->hello, why)) != OK)
		return because(why, r, "%s", info->name);
	return OK;
}

static enum err
written(struct writer *w, enum err r, char **buffer, size_t *room, size_t *length, struct why *why)
{
	*buffer = w->at;
	*room = w->room;
	if (r == OK && w->over)
		r = fail(why, ERR_LIMIT, "the message is longer than %u bytes", MSG_BYTES_MAX);
	if (r == OK)
		*length = w->length;
	return r;
}

enum err
envelope_encode(const struct envelope *envelope, char **buffer, size_t *room, size_t *length, struct why *why)
{
	struct writer w = {.at = *buffer,
	    .room = *buffer == NULL ? 0 : *room,
	    .release = envelope->release == 0 ? BUS_RELEASE : envelope->release};
	enum err r = OK;

	put_array(&w, ENVELOPE_FIELDS);
	put_number(&w, envelope->kind);
	put_number(&w, envelope->call);
	if (envelope->kind != ENVELOPE_ERROR) {
		r = put_msg(&w, &envelope->msg, why);
	} else {
		put_number(&w, 0);
		put_array(&w, 2);
		put_text(&w, span_of_text(err_name(envelope->error)));
		put_text(&w, span_utf8(envelope->words) ? span_head(envelope->words, ERROR_WORDS_MAX)
							: SPAN("(words that are not UTF-8)"));
	}
	return written(&w, r, buffer, room, length, why);
}

enum err
msg_encode(const struct msg *msg, char **buffer, size_t *room, size_t *length, struct why *why)
{
	struct writer w = {.at = *buffer, .room = *buffer == NULL ? 0 : *room, .release = BUS_RELEASE};

	put_array(&w, 2);
	return written(&w, put_msg(&w, msg, why), buffer, room, length, why);
}
