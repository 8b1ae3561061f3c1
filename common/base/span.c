/* Spans: the few operations that are more than a line. */
#include "common/base/span.h"

#include <stdlib.h>

bool
span_find(struct span a, char byte, size_t *at)
{
	const char *found = a.length == 0 ? NULL : memchr(a.at, byte, a.length);

	if (found == NULL)
		return false;
	*at = (size_t)(found - a.at);
	return true;
}

bool
span_only(struct span a, const char *set)
{
	for (size_t i = 0; i < a.length; i++)
		if (a.at[i] == '\0' || strchr(set, a.at[i]) == NULL)
			return false;
	return true;
}

struct span
span_cut(struct span *rest, char byte)
{
	struct span all = *rest;
	size_t at;

	if (!span_find(all, byte, &at)) {
		*rest = SPAN_NONE;
		return all;
	}
	*rest = span_tail(all, at + 1);
	return span_head(all, at);
}

/* Length of the sequence that begins here, 0 when malformed: the table of RFC 3629, section 4. */
static size_t
utf8_sequence(const unsigned char *p, size_t n)
{
	unsigned char low = 0x80, high = 0xbf;
	size_t need;

	if (p[0] < 0x80)
		return p[0] == 0 ? 0 : 1;
	if (p[0] < 0xc2 || p[0] > 0xf4)
		return 0;
	need = p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
	if (n < need)
		return 0;
	if (p[0] == 0xe0)
		low = 0xa0;
	else if (p[0] == 0xed)
		high = 0x9f;
	else if (p[0] == 0xf0)
		low = 0x90;
	else if (p[0] == 0xf4)
		high = 0x8f;
	if (p[1] < low || p[1] > high)
		return 0;
	for (size_t i = 2; i < need; i++)
		if (p[i] < 0x80 || p[i] > 0xbf)
			return 0;
	return need;
}

bool
span_utf8(struct span a)
{
	for (size_t i = 0; i < a.length;) {
		size_t n = utf8_sequence((const unsigned char *)a.at + i, a.length - i);

		if (n == 0)
			return false;
		i += n;
	}
	return true;
}

bool
span_copy(struct span a, char *to, size_t size)
{
	size_t at;

	to[0] = '\0';
	if (a.length >= size || span_find(a, '\0', &at))
		return false;
	if (a.length > 0)
		memcpy(to, a.at, a.length);
	to[a.length] = '\0';
	return true;
}

char *
span_dup(struct span a)
{
	char *copy = malloc(a.length + 1);

	if (copy == NULL)
		abort();
	if (!span_copy(a, copy, a.length + 1)) {
		free(copy);
		return NULL;
	}
	return copy;
}
