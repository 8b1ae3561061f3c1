/* The chunked transfer coding: a line at a time, data as it comes. */
#include "common/wire/http_chunk.h"

#include "common/base/text.h"

#include <stdio.h>

#define SIZE_DIGITS    16
#define SIZE_MAX_CHUNK (UINT64_C(1) << 62)

/* Hex digits alone, then nothing or extensions. */
static enum err
size_parse(struct span line, uint64_t *out, struct why *why)
{
	uint64_t size = 0;
	size_t i;

	for (i = 0; i < line.length && hex_digit(line.at[i]) >= 0; i++) {
		if (i == SIZE_DIGITS)
			return fail(why, ERR_RANGE, "a chunk size of more than %d digits", SIZE_DIGITS);
		size = size << 4 | (unsigned)hex_digit(line.at[i]);
	}
	if (i == 0 || (i < line.length && line.at[i] != ';'))
		return fail(why, ERR_SYNTAX, "a chunk size is not hex digits alone");
	if (!http_value_ok(span_tail(line, i)))
		return fail(why, ERR_SYNTAX, "a chunk extension holds a control byte");
	if (size > SIZE_MAX_CHUNK)
		return fail(why, ERR_RANGE, "a chunk over 2^62 bytes");
	*out = size;
	return OK;
}

static enum err
size_read(struct http_chunk *chunk, struct span bytes, size_t *used, struct why *why)
{
	struct span front = span_head(bytes, HTTP_CHUNK_LINE_BYTES);
	size_t end;
	enum err r;

	if (!span_find(front, '\n', &end))
		return front.length < HTTP_CHUNK_LINE_BYTES
			   ? ERR_MORE
			   : fail(why, ERR_RANGE, "a chunk line over %d bytes", HTTP_CHUNK_LINE_BYTES);
	if (end == 0 || front.at[end - 1] != '\r')
		return fail(why, ERR_SYNTAX, "a chunk line does not end with CR LF");
	if ((r = size_parse(span_head(front, end - 1), &chunk->left, why)) != OK)
		return r;
	chunk->state = chunk->left == 0 ? HTTP_CHUNK_TRAILERS : HTTP_CHUNK_DATA;
	*used = end + 1;
	return OK;
}

static enum err
data_read(struct http_chunk *chunk, struct span bytes, size_t most, size_t *used, struct span *data)
{
	size_t n = bytes.length < most ? bytes.length : most;

	if (n > chunk->left)
		n = (size_t)chunk->left;
	if (n == 0)
		return ERR_MORE;
	*data = span_head(bytes, n);
	*used = n;
	chunk->left -= n;
	if (chunk->left == 0)
		chunk->state = HTTP_CHUNK_DATA_END;
	return OK;
}

static enum err
data_end_read(struct http_chunk *chunk, struct span bytes, size_t *used, struct why *why)
{
	if (bytes.length > 0 && bytes.at[0] != '\r')
		return fail(why, ERR_SYNTAX, "a chunk is longer than its size");
	if (bytes.length < 2)
		return ERR_MORE;
	if (bytes.at[1] != '\n')
		return fail(why, ERR_SYNTAX, "a chunk does not end with CR LF");
	chunk->state = HTTP_CHUNK_SIZE;
	*used = 2;
	return OK;
}

static enum err
trailers_read(
    struct http_chunk *chunk, struct span bytes, size_t *used, struct http_trailers *trailers, struct why *why)
{
	struct http_trailers found;
	enum err r =
	    http_fields_parse(bytes, HTTP_TRAILERS_BYTES, found.fields, HTTP_TRAILERS_MAX, &found.fields_n, used, why);

	if (r != OK)
		return r;
	chunk->state = HTTP_CHUNK_END;
	if (trailers != NULL) {
		memcpy(trailers->fields, found.fields, found.fields_n * sizeof(found.fields[0]));
		trailers->fields_n = found.fields_n;
	}
	return OK;
}

enum err
http_chunk_next(struct http_chunk *chunk, struct span bytes, size_t most, size_t *used, struct span *data,
    struct http_trailers *trailers, struct why *why)
{
	*used = 0;
	*data = SPAN_NONE;
	switch (chunk->state) {
	case HTTP_CHUNK_SIZE:
		return size_read(chunk, bytes, used, why);
	case HTTP_CHUNK_DATA:
		return data_read(chunk, bytes, most, used, data);
	case HTTP_CHUNK_DATA_END:
		return data_end_read(chunk, bytes, used, why);
	case HTTP_CHUNK_TRAILERS:
		return trailers_read(chunk, bytes, used, trailers, why);
	default:
		return fail(why, ERR_STATE, "the body has ended");
	}
}

size_t
http_chunk_head(char room[HTTP_CHUNK_HEAD_BYTES], uint64_t size)
{
	return (size_t)snprintf(room, HTTP_CHUNK_HEAD_BYTES, "%llx\r\n", (unsigned long long)size);
}
