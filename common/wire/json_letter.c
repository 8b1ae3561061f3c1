/* Letters of JSON strings: out of escapes and UTF-8 into code points, and back into UTF-8. */
#include "common/wire/json_letter.h"

#include "common/base/text.h"

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

size_t
json_letter_write(uint32_t letter, char *to)
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
