/* Text made safe to show. */
#include "clients/sdk/shown.h"

#include <stdlib.h>

/* Marks that turn the direction of text (UAX 9), and the two that end lines: they make a name look like another. */
static bool
is_mark(struct span bytes)
{
	const unsigned char *at = (const unsigned char *)bytes.at;

	if (bytes.length < 3 || at[0] != 0xe2)
		return false;
	if (at[1] == 0x80)
		return at[2] == 0x8e || at[2] == 0x8f || (at[2] >= 0xa8 && at[2] <= 0xae);
	return at[1] == 0x81 && at[2] >= 0xa6 && at[2] <= 0xa9;
}

/* Length of what is not shown as it is, at the front: C0 and DEL, C1 and marks in UTF-8; 0 when it is none. */
static size_t
control_length(struct span bytes)
{
	unsigned char first = (unsigned char)bytes.at[0];

	if (first < 0x20 || first == 0x7f)
		return 1;
	if (first == 0xc2 && bytes.length > 1 && (unsigned char)bytes.at[1] < 0xa0)
		return 2;
	if (first == 0xd8 && bytes.length > 1 && (unsigned char)bytes.at[1] == 0x9c) /* Arabic letter mark */
		return 2;
	return is_mark(bytes) ? 3 : 0;
}

void
shown_add(struct text *text, struct span bytes)
{
	bool utf8 = span_utf8(bytes);

	while (bytes.length > 0) {
		size_t control = control_length(bytes);
		size_t n = control == 0 ? 1 : control;

		if (bytes.at[0] == '\n')
			text_add(text, "\\n");
		else if (bytes.at[0] == '\t')
			text_add(text, "\\t");
		else if (control > 0 || (!utf8 && (unsigned char)bytes.at[0] >= 0x80))
			for (size_t i = 0; i < n; i++)
				text_add(text, "\\x%02x", (unsigned char)bytes.at[i]);
		else
			text_add_span(text, span_head(bytes, 1));
		bytes = span_tail(bytes, n);
	}
}

const char *
shown(struct arena *arena, const char *text)
{
	struct span bytes = span_of_text(text);
	size_t size = bytes.length * 4 + 1;
	char *buffer = bytes.length > SIZE_MAX / 8 ? NULL : arena_alloc(arena, size);
	struct text to = {buffer, 0, size, false};

	if (buffer == NULL)
		return "";
	shown_add(&to, bytes);
	return buffer;
}
