/* Templates: the rules of the places as a table of writers. */
#include "sandbox/router/template.h"

#include <assert.h>
#include <stdio.h>

#include "common/wire/base64.h"

/* ---- writers ---- */

static enum err
write_plain(struct span value, struct bytes *out, struct why *why)
{
	(void)why;
	bytes_add(out, value);
	return OK;
}

static enum err
write_header(struct span value, struct bytes *out, struct why *why)
{
	for (size_t i = 0; i < value.length; i++)
		if (((unsigned char)value.at[i] < ' ' && value.at[i] != '\t') || value.at[i] == 0x7f)
			return fail(why, ERR_INVALID, "the credential holds a control byte, which no header may");
	bytes_add(out, value);
	return OK;
}

static void
percent(struct span value, const char *literal, struct bytes *out)
{
	static const char hex[] = "0123456789ABCDEF";

	for (size_t i = 0; i < value.length; i++) {
		unsigned char byte = (unsigned char)value.at[i];
		char *to = bytes_room(out, 3);

		if ((byte >= '0' && byte <= '9') || (byte >= 'A' && byte <= 'Z') || (byte >= 'a' && byte <= 'z') ||
		    (byte != 0 && strchr(literal, byte) != NULL)) {
			*to = (char)byte;
			out->end++;
			continue;
		}
		to[0] = '%';
		to[1] = hex[byte >> 4];
		to[2] = hex[byte & 15];
		out->end += 3;
	}
}

static enum err
write_query(struct span value, struct bytes *out, struct why *why)
{
	(void)why;
	percent(value, "-._~", out);
	return OK;
}

/* What a path holds as it is, but ';', which would begin parameters (http_target.c). */
static enum err
write_path(struct span value, struct bytes *out, struct why *why)
{
	for (size_t i = 0; i < value.length; i++) {
		unsigned char byte = (unsigned char)value.at[i];

		if (byte < ' ' || byte == 0x7f || strchr("/\\?#;%", byte) != NULL ||
		    (byte == '.' && i > 0 && value.at[i - 1] == '.'))
			return fail(why, ERR_INVALID, "the credential holds what would change a path");
	}
	percent(value, "-._~!$&'()*+,=:@", out);
	return OK;
}

static enum err
write_json(struct span value, struct bytes *out, struct why *why)
{
	if (!span_utf8(value))
		return fail(why, ERR_INVALID, "the credential is no UTF-8, as JSON must be");
	for (size_t i = 0; i < value.length; i++) {
		unsigned char byte = (unsigned char)value.at[i];
		char *to = bytes_room(out, 8);

		if (byte == '"' || byte == '\\') {
			to[0] = '\\';
			to[1] = (char)byte;
			out->end += 2;
		} else if (byte < ' ' || byte == 0x7f) {
			out->end += (size_t)snprintf(to, 8, "\\u%04x", byte);
		} else {
			*to = (char)byte;
			out->end++;
		}
	}
	return OK;
}

static enum err (*const writers[PLACES])(struct span value, struct bytes *out, struct why *why) = {
    [PLACE_HEADER] = write_header,
    [PLACE_BASIC] = write_plain, /* joined first */
    [PLACE_QUERY] = write_query,
    [PLACE_PATH] = write_path,
    [PLACE_JSON] = write_json,
    [PLACE_FORM] = write_query,
    [PLACE_TEXT] = write_plain,
};

/* ---- pieces ---- */

static bool
never_written(struct span value)
{
	for (size_t i = 0; i < value.length; i++)
		if (value.at[i] == '\r' || value.at[i] == '\n' || value.at[i] == '\0')
			return true;
	return false;
}

static enum err
slot_write(const struct msg_piece *pieces, size_t which, uint32_t places, const struct filler *filler,
    struct bytes *out, struct why *why)
{
	const struct msg_piece *piece = &pieces[which];
	struct span value = SPAN_NONE;

	if (piece->literal.length > 0)
		return fail(why, ERR_INVALID, "a piece is literal and slot in one");
	if (piece->place >= PLACES || (places & 1u << piece->place) == 0 || writers[piece->place] == NULL)
		return fail(why, ERR_INVALID, "a slot stands where none may");
	if (!filler->value(filler->self, pieces, which, &value, why))
		return ERR_NOT_FOUND;
	if (never_written(value))
		return fail(why, ERR_INVALID, "the credential holds a line break or NUL");
	return writers[piece->place](value, out, why);
}

/* What was written from here on was to be within base64. */
static void
join(struct bytes *out, size_t from)
{
	size_t length = bytes_length(out) - from, letters = BASE64_BYTES(length);
	char *room = malloc(letters + 1);

	if (room == NULL)
		abort();
	base64_write(span_of_bytes(out->at + out->begin + from, length), room);
	explicit_bzero(out->at + out->begin + from, length);
	out->end -= length;
	if (out->end == out->begin)
		out->begin = out->end = 0;
	bytes_add(out, span_of_bytes(room, letters));
	explicit_bzero(room, letters);
	free(room);
}

enum err
template_write(const struct msg_piece *pieces, size_t n, uint32_t places, const struct filler *filler,
    struct bytes *out, struct why *why)
{
	bool joining = false;
	size_t from = 0;
	enum err r = OK;

	for (size_t i = 0; r == OK && i < n; i++) {
		bool basic = pieces[i].place == PLACE_BASIC && (places & 1u << PLACE_BASIC) != 0;

		if (joining && !basic)
			join(out, from);
		if (basic && !joining)
			from = bytes_length(out);
		joining = basic;
		if (pieces[i].slot.length > 0)
			r = slot_write(pieces, i, places, filler, out, why);
		else
			bytes_add(out, pieces[i].literal);
	}
	if (r == OK && joining)
		join(out, from);
	return r;
}

void
template_show(const struct msg_piece *pieces, size_t n, const char *slot, struct bytes *out)
{
	for (size_t i = 0; i < n; i++)
		bytes_add(out, pieces[i].slot.length > 0 ? span_of_text(slot) : pieces[i].literal);
}
