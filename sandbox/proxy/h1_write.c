/* HTTP/1 written: fields, bodies plain or chunked, trailers; for both sides. */
#include "common/base/text.h"
#include "sandbox/proxy/http.h"

static void
field_write(struct side *side, const struct http_field *field)
{
	size_t length = field->name.length + field->value.length + 4;
	char *to;

	if (side->broken)
		return;
	to = bytes_room(&side->out, length);
	memcpy(to, field->name.at, field->name.length);
	to += field->name.length;
	*to++ = ':';
	*to++ = ' ';
	if (field->value.length > 0)
		memcpy(to, field->value.at, field->value.length);
	to += field->value.length;
	*to++ = '\r';
	*to++ = '\n';
	side->out.end += length;
}

void
h1_head_write(struct side *side, const struct http_head *head)
{
	for (size_t i = 0; i < head->fields_n; i++)
		if (!head->fields[i].hop && head->fields[i].known != HTTP_HOST)
			field_write(side, &head->fields[i]);
}

void
h1_length_write(struct side *side, uint64_t length)
{
	char bytes[24];
	struct text digits = TEXT_OF(bytes);

	text_add_number(&digits, length);
	side_write(side, SPAN("Content-Length: "));
	side_write(side, text_span(&digits));
	side_write(side, SPAN("\r\n"));
}

void
h1_body_write(struct side *side, bool chunked, struct span bytes)
{
	char head[HTTP_CHUNK_HEAD_BYTES];

	if (chunked)
		side_write(side, span_of_bytes(head, http_chunk_head(head, bytes.length)));
	side_write(side, bytes);
	if (chunked)
		side_write(side, SPAN("\r\n"));
}

void
h1_end_write(struct side *side, const struct http_field *trailers, size_t n)
{
	side_write(side, SPAN("0\r\n"));
	for (size_t i = 0; i < n; i++)
		if (!trailers[i].hop)
			field_write(side, &trailers[i]);
	side_write(side, SPAN("\r\n"));
}
