/* Ids: text form and random ones. */
#include "common/base/id.h"

#include <stdlib.h>
#include <sys/random.h>

#include "common/base/text.h"

char *
id_write(struct id id, char to[ID_TEXT_BYTES])
{
	static const uint8_t pieces[] = {4, 2, 2, 2, 6};
	char *at = to;
	size_t from = 0;

	for (size_t i = 0; i < sizeof(pieces); i++) {
		if (i > 0)
			*at++ = '-';
		hex_write(id.bytes + from, pieces[i], at);
		at += 2 * pieces[i];
		from += pieces[i];
	}
	return to;
}

struct id
id_new(void)
{
	struct id id;

	if (getrandom(id.bytes, sizeof(id.bytes), 0) != sizeof(id.bytes))
		abort();
	id.bytes[6] = (id.bytes[6] & 0x0f) | 0x40;
	id.bytes[8] = (id.bytes[8] & 0x3f) | 0x80;
	return id;
}

enum err
id_parse(struct span text, struct id *out, struct why *why)
{
	static const uint8_t pieces[] = {4, 2, 2, 2, 6};
	struct id id;
	size_t at = 0, to = 0;

	if (text.length != ID_TEXT_BYTES - 1)
		return fail(why, ERR_SYNTAX, "not an id of 36 characters");
	for (size_t i = 0; i < sizeof(pieces); i++) {
		if (i > 0 && text.at[at++] != '-')
			return fail(why, ERR_SYNTAX, "not an id: a dash is missing");
		if (!hex_read((struct span){text.at + at, 2u * pieces[i]}, id.bytes + to, pieces[i]))
			return fail(why, ERR_SYNTAX, "not an id: a digit is not hexadecimal");
		at += 2u * pieces[i];
		to += pieces[i];
	}
	*out = id;
	return OK;
}
