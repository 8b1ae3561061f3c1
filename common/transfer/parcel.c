/* Parcels, by one table of their fields for reading and for writing. */
#include "common/transfer/parcel.h"

#include <assert.h>

#include "common/base/clean.h"
#include "common/base/text.h"

#define HEAD_BYTES  5
#define FIELDS_MAX  8
#define NANOSECONDS 1000000000u

/* A number of so many bytes, at most high; a text behind two bytes of its length; or a sum. */
struct field {
	enum { NONE, NUMBER8, NUMBER16, NUMBER32, NUMBER64, TEXT, SUM } kind;
	size_t at;
	uint64_t high;
};

/* clang-format off */
#define N8(name, high)	{NUMBER8, offsetof(struct parcel, name), high}
#define N16(name, high) {NUMBER16, offsetof(struct parcel, name), high}
#define N32(name, high) {NUMBER32, offsetof(struct parcel, name), high}
#define N64(name, high) {NUMBER64, offsetof(struct parcel, name), high}
#define T(name)		{TEXT, offsetof(struct parcel, name), PARCEL_TEXT_MAX}
#define S(name)		{SUM, offsetof(struct parcel, name), 0}
/* clang-format on */

/* clang-format off */
static const struct field fields[PARCEL_TYPES][FIELDS_MAX] = {
	[PARCEL_HELLO] = {N8(version, UINT8_MAX)},
	[PARCEL_FAILED] = {T(text)},
	[PARCEL_BEGIN] = {N8(again, 1), T(text)},
	[PARCEL_TOTAL] = {N8(single, 1), N64(entries, UINT32_MAX), N64(bytes, INT64_MAX)},
	[PARCEL_ENTRY] = {N8(kind, PARCEL_LINK), N8(again, 1), N16(mode, 0777), N64(seconds, UINT64_MAX),
	    N32(nanoseconds, NANOSECONDS - 1), N64(size, PARCEL_SIZE_MAX), T(text), T(target)},
	[PARCEL_FROM] = {N64(offset, PARCEL_SIZE_MAX)},
	[PARCEL_DATA] = {N64(offset, PARCEL_SIZE_MAX)},
	[PARCEL_SUM] = {N64(size, PARCEL_SIZE_MAX), S(sum)},
	[PARCEL_END] = {N64(entries, UINT32_MAX)},
	[PARCEL_HAVE] = {N64(offset, PARCEL_SIZE_MAX), S(sum)},
	[PARCEL_ACK] = {N64(entries, UINT32_MAX), N64(bytes, INT64_MAX)},
	[PARCEL_TAKEN] = {N64(entries, UINT32_MAX)},
};
/* clang-format on */

static const uint8_t widths[] = {[NUMBER8] = 1, [NUMBER16] = 2, [NUMBER32] = 4, [NUMBER64] = 8};

/* ---- numbers in network order, in memory as wide as their field ---- */

static uint64_t
number_get(const struct field *field, const struct parcel *parcel)
{
	const char *at = (const char *)parcel + field->at;

	switch (field->kind) {
	case NUMBER8:
		return *(const uint8_t *)at;
	case NUMBER16:
		return *(const uint16_t *)(const void *)at;
	case NUMBER32:
		return *(const uint32_t *)(const void *)at;
	default:
		return *(const uint64_t *)(const void *)at;
	}
}

static void
number_set(const struct field *field, struct parcel *parcel, uint64_t number)
{
	char *at = (char *)parcel + field->at;

	switch (field->kind) {
	case NUMBER8:
		*(uint8_t *)at = (uint8_t)number;
		break;
	case NUMBER16:
		*(uint16_t *)(void *)at = (uint16_t)number;
		break;
	case NUMBER32:
		*(uint32_t *)(void *)at = (uint32_t)number;
		break;
	default:
		*(uint64_t *)(void *)at = number;
	}
}

/* Take a number of so many bytes off the front. */
static bool
take(struct span *rest, size_t width, uint64_t *out)
{
	if (rest->length < width)
		return false;
	*out = 0;
	for (size_t i = 0; i < width; i++)
		*out = *out << 8 | (uint8_t)rest->at[i];
	*rest = span_tail(*rest, width);
	return true;
}

static uint8_t *
put(uint8_t *to, size_t width, uint64_t number)
{
	for (size_t i = width; i-- > 0; number >>= 8)
		to[i] = (uint8_t)number;
	return to + width;
}

/* ---- reading ---- */

static bool
field_read(const struct field *field, struct span *rest, struct parcel *out)
{
	struct span *text = (struct span *)(void *)((char *)out + field->at);
	uint64_t number;

	if (field->kind == SUM) {
		if (rest->length < SUM_BYTES)
			return false;
		memcpy((char *)out + field->at, rest->at, SUM_BYTES);
		*rest = span_tail(*rest, SUM_BYTES);
		return true;
	}
	if (!take(rest, field->kind == TEXT ? 2 : widths[field->kind], &number) || number > field->high)
		return false;
	if (field->kind != TEXT) {
		number_set(field, out, number);
		return true;
	}
	if (rest->length < number)
		return false;
	*text = span_head(*rest, number);
	*rest = span_tail(*rest, number);
	return true;
}

/* All fields, and nothing behind them. */
static bool
fields_read(struct span rest, struct parcel *out)
{
	for (size_t i = 0; i < FIELDS_MAX && fields[out->type][i].kind != NONE; i++)
		if (!field_read(&fields[out->type][i], &rest, out))
			return false;
	return rest.length == 0;
}

/* What no bound of one field says. */
static bool
makes_sense(const struct parcel *parcel)
{
	if (parcel->type != PARCEL_ENTRY)
		return true;
	return parcel->kind != 0 && (parcel->kind == PARCEL_LINK) == (parcel->target.length > 0) &&
	       (parcel->kind == PARCEL_FILE || (parcel->size == 0 && parcel->again == 0));
}

enum err
parcel_read(struct span bytes, struct parcel *out, size_t *used, struct why *why)
{
	struct span rest = bytes;
	struct parcel parcel = {0};
	uint64_t type, length, body;

	if (!take(&rest, 1, &type))
		return ERR_MORE;
	if (type == 0 || type >= PARCEL_TYPES)
		return fail(why, ERR_PROTOCOL, "there is no parcel of type %u", (unsigned)type);
	if (!take(&rest, 4, &length))
		return ERR_MORE;
	body = type == PARCEL_DATA ? sizeof(parcel.offset) : length;
	if (type == PARCEL_DATA ? length == 0 || length > PARCEL_DATA_MAX : length > PARCEL_MAX_BYTES - HEAD_BYTES)
		return fail(why, ERR_PROTOCOL, "a parcel of type %u of %u bytes", (unsigned)type, (unsigned)length);
	if (rest.length < body)
		return ERR_MORE;
	parcel.type = (enum parcel_type)type;
	parcel.length = (uint32_t)length;
	if (!fields_read(span_head(rest, body), &parcel) || !makes_sense(&parcel))
		return fail(why, ERR_PROTOCOL, "a malformed parcel of type %u", (unsigned)type);
	*used = HEAD_BYTES + body;
	*out = parcel;
	return OK;
}

/* ---- writing ---- */

static uint8_t *
field_write(const struct field *field, const struct parcel *parcel, uint8_t *to)
{
	const char *at = (const char *)parcel + field->at;
	struct span text;

	if (field->kind == SUM) {
		memcpy(to, at, SUM_BYTES);
		return to + SUM_BYTES;
	}
	if (field->kind != TEXT)
		return put(to, widths[field->kind], number_get(field, parcel));
	text = span_head(*(const struct span *)(const void *)at, PARCEL_TEXT_MAX);
	to = put(to, 2, text.length);
	if (text.length > 0)
		memcpy(to, text.at, text.length);
	return to + text.length;
}

size_t
parcel_write(const struct parcel *parcel, void *to)
{
	uint8_t *head = to, *end = head + HEAD_BYTES;

	assert(parcel->type > 0 && parcel->type < PARCEL_TYPES);
	for (size_t i = 0; i < FIELDS_MAX && fields[parcel->type][i].kind != NONE; i++)
		end = field_write(&fields[parcel->type][i], parcel, end);
	put(put(head, 1, parcel->type), 4,
	    parcel->type == PARCEL_DATA ? parcel->length : (uint64_t)(end - head) - HEAD_BYTES);
	return (size_t)(end - head);
}

/* ---- words ---- */

void
parcel_words(struct span words, struct text *to)
{
	bool plain = span_utf8(words);

	for (size_t i = 0; i < words.length; i++) {
		unsigned char c = (unsigned char)words.at[i];

		plain =
		    plain && c >= ' ' && c != 0x7f && (c != 0xc2 || (unsigned char)words.at[i + 1] >= 0xa0); /* C1 */
	}
	if (plain)
		text_add_span(to, words);
	else
		text_add_escaped(to, words);
}
