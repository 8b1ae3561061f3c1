/* Inflating one message with zlib: into a buffer that doubles up to the ceiling, watched for how fast it grows. */
#include "common/wire/websocket_inflate.h"

#include <stdlib.h>
#include <zlib.h>

#include "common/base/clean.h"

#define FIRST_BYTES    4096
#define BETWEEN_BLOCKS 128 /* of data_type, with no bits left of the last byte */

struct inflated {
	char *at;
	size_t n, room, max;
	int place; /* data_type of zlib.h, after the last call that did something: the next one forgets it */
};

static void
stream_done(z_stream *stream)
{
	inflateEnd(stream);
}

/* How much may come out of so much. */
static size_t
ceiling(size_t compressed, size_t max)
{
	size_t ratio = compressed > (max - 1) / WEBSOCKET_RATIO_MAX ? max : compressed * WEBSOCKET_RATIO_MAX;

	if (ratio < WEBSOCKET_RATIO_FREE_BYTES)
		ratio = WEBSOCKET_RATIO_FREE_BYTES;
	return ratio < max ? ratio : max;
}

/* Room for more; one byte past the ceiling, so that what is too much is seen. */
static void
grow(struct inflated *out)
{
	out->room = out->room == 0 ? FIRST_BYTES : 2 * out->room;
	if (out->room > out->max + 1)
		out->room = out->max + 1;
	if ((out->at = realloc(out->at, out->room)) == NULL)
		abort();
}

/* Inflate one part of the input until it is used up, or the deflate stream says that it ends (*ended). */
static enum err
part_inflate(z_stream *stream, struct span part, struct inflated *out, bool *ended, struct why *why)
{
	int r = Z_OK;

	stream->next_in = (Bytef *)(uintptr_t)part.at;
	stream->avail_in = (uInt)part.length;
	while (r == Z_OK) {
		if (out->n == out->room)
			grow(out);
		stream->next_out = (Bytef *)out->at + out->n;
		stream->avail_out = (uInt)(out->room - out->n);
		if ((r = inflate(stream, Z_SYNC_FLUSH)) == Z_OK)
			out->place = stream->data_type;
		out->n = out->room - stream->avail_out;
		if (out->n > out->max)
			return fail(why, ERR_LIMIT, "a compressed message becomes too large");
	}
	if (r == Z_MEM_ERROR)
		abort();
	*ended = r == Z_STREAM_END;
	return *ended || (r == Z_BUF_ERROR && stream->avail_in == 0)
		   ? OK
		   : fail(why, ERR_PROTOCOL, "a message is not deflate");
}

/*
 * After the tail the stream must stand between two blocks, at a whole byte (zlib.h, inflate: data_type). One that has
 * ended by itself (BFINAL) may only be followed by the byte that its sender pads it with (RFC 7692, 7.2.3.4).
 */
static enum err
message_inflate(z_stream *stream, struct span compressed, struct inflated *out, struct why *why)
{
	bool ended = false;
	enum err r = part_inflate(stream, compressed, out, &ended, why);

	if (r == OK && ended)
		return stream->avail_in == 1 && *stream->next_in == 0
			   ? OK
			   : fail(why, ERR_PROTOCOL, "a message goes on behind its last block");
	if (r != OK || (r = part_inflate(stream, SPAN("\0\0\xff\xff"), out, &ended, why)) != OK)
		return r;
	if (ended || (out->place & 0xff) != BETWEEN_BLOCKS)
		return fail(why, ERR_PROTOCOL, "a message ends within a block");
	return OK;
}

enum err
websocket_inflate(struct span compressed, size_t max_bytes, struct span *out, struct why *why)
{
	__attribute__((cleanup(stream_done))) z_stream stream = {0};
	struct inflated inflated = {.max = ceiling(compressed.length, max_bytes)};
	auto_free char *bytes = NULL;
	enum err r;

	if (compressed.length > UINT32_MAX || max_bytes == 0 || max_bytes >= UINT32_MAX)
		return fail(why, ERR_LIMIT, "a message of %zu bytes", compressed.length);
	if (inflateInit2(&stream, -15) != Z_OK)
		abort();
	r = message_inflate(&stream, compressed, &inflated, why);
	bytes = inflated.at;
	if (r != OK)
		return r;
	*out = (struct span){inflated.at, inflated.n};
	bytes = NULL;
	return OK;
}
