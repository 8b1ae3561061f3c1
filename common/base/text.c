/* Text: bounded building, numbers, hex. */
#include "common/base/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void
text_add(struct text *text, const char *format, ...)
{
	size_t room = text->size - text->length;
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(text->at + text->length, room, format, args);
	va_end(args);
	if (n < 0)
		return;
	if ((size_t)n >= room) {
		text->length = text->size - 1;
		text->cut = true;
		return;
	}
	text->length += (size_t)n;
}

void
text_add_span(struct text *text, struct span bytes)
{
	size_t room = text->size - text->length - 1, n = bytes.length;

	if (n > room) {
		n = room;
		text->cut = true;
	}
	if (n > 0)
		memcpy(text->at + text->length, bytes.at, n);
	text->length += n;
	text->at[text->length] = '\0';
}

void
text_add_number(struct text *text, uint64_t number)
{
	char digits[20];
	size_t at = sizeof(digits);

	do
		digits[--at] = (char)('0' + number % 10);
	while ((number /= 10) > 0);
	text_add_span(text, (struct span){digits + at, sizeof(digits) - at});
}

static bool
needs_escape(unsigned char byte, bool utf8)
{
	return byte < 0x20 || byte == 0x7f || byte == '\\' || byte == '"' || (byte >= 0x80 && !utf8);
}

/* C1 controls are UTF-8 too (c2 80 to c2 9f), and some terminals obey them. */
static bool
is_c1(struct span bytes, size_t i)
{
	return (unsigned char)bytes.at[i] == 0xc2 && i + 1 < bytes.length && (unsigned char)bytes.at[i + 1] < 0xa0;
}

void
text_add_escaped(struct text *text, struct span bytes)
{
	bool utf8 = span_utf8(bytes);

	for (size_t i = 0; i < bytes.length; i++) {
		if (utf8 && is_c1(bytes, i)) {
			text_add(text, "\\xc2\\x%02x", (unsigned char)bytes.at[i + 1]);
			i++;
		} else if (needs_escape((unsigned char)bytes.at[i], utf8)) {
			text_add(text, "\\x%02x", (unsigned char)bytes.at[i]);
		} else {
			text_add_span(text, (struct span){bytes.at + i, 1});
		}
	}
}

struct span
text_span(const struct text *text)
{
	return (struct span){text->at, text->length};
}

enum err
number_parse(struct span text, uint64_t low, uint64_t high, uint64_t *out, struct why *why)
{
	uint64_t value = 0;

	if (text.length == 0 || !span_only(text, "0123456789") || (text.length > 1 && text.at[0] == '0')) {
		char shown[64];
		struct text t = TEXT_OF(shown);

		text_add_escaped(&t, span_head(text, 20));
		return fail(why, ERR_SYNTAX, "\"%s\" is not a number", shown);
	}
	for (size_t i = 0; i < text.length; i++)
		if (__builtin_mul_overflow(value, 10u, &value) ||
		    __builtin_add_overflow(value, (uint64_t)(text.at[i] - '0'), &value))
			return fail(why, ERR_RANGE, SPAN_FORMAT " is not within %llu to %llu",
			    SPAN_ARGS(span_head(text, 40)), (unsigned long long)low, (unsigned long long)high);
	if (value < low || value > high)
		return fail(why, ERR_RANGE, "%llu is not within %llu to %llu", (unsigned long long)value,
		    (unsigned long long)low, (unsigned long long)high);
	*out = value;
	return OK;
}

void
hex_write(const void *bytes, size_t length, char *to)
{
	const unsigned char *p = bytes;

	for (size_t i = 0; i < length; i++) {
		to[2 * i] = "0123456789abcdef"[p[i] >> 4];
		to[2 * i + 1] = "0123456789abcdef"[p[i] & 15];
	}
	to[2 * length] = '\0';
}

int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

bool
hex_read(struct span text, void *out, size_t length)
{
	unsigned char *to = out;

	if (text.length != 2 * length)
		return false;
	for (size_t i = 0; i < text.length; i++)
		if (hex_digit(text.at[i]) < 0)
			return false;
	for (size_t i = 0; i < length; i++)
		to[i] = (unsigned char)(hex_digit(text.at[2 * i]) << 4 | hex_digit(text.at[2 * i + 1]));
	return true;
}
