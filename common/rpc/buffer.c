/* Buffers: one piece of memory with a moving start, so that taking from the front costs no copy. */
#include "common/rpc/buffer.h"

#include <assert.h>
#include <malloc.h>
#include <stdlib.h>

#define ROOM_MIN  512
#define ROOM_KEPT 65536	 /* an empty buffer larger than this is given back */
#define ROOM_BUSY 524288 /* up to this it is not, when most of it was in use since it was empty before */

void
wiped_free(void *at)
{
	if (at == NULL)
		return;
	explicit_bzero(at, malloc_usable_size(at));
	free(at);
}

static void
buffer_grow(struct buffer *buffer, size_t needed)
{
	size_t twice = buffer->room * 2, least = (needed + ROOM_MIN - 1) / ROOM_MIN * ROOM_MIN;
	size_t room = least > twice ? least : twice;
	char *larger;

	if ((larger = malloc(room)) == NULL)
		abort();
	if (buffer->length > 0)
		memcpy(larger, buffer->at + buffer->start, buffer->length);
	wiped_free(buffer->at);
	*buffer = (struct buffer){.at = larger, .length = buffer->length, .room = room, .most = buffer->most};
}

char *
buffer_extend(struct buffer *buffer, size_t n)
{
	assert(n <= SIZE_MAX / 4 - buffer->length);
	if (n > buffer->room - buffer->start - buffer->length) {
		if (buffer->length + n > buffer->room / 4 * 3)
			buffer_grow(buffer, buffer->length + n > buffer->room ? buffer->length + n : buffer->room + 1);
		else
			memmove(buffer->at, buffer->at + buffer->start, buffer->length);
		buffer->start = 0;
	}
	buffer->length += n;
	if (buffer->length > buffer->most)
		buffer->most = buffer->length;
	return buffer->at + buffer->start + buffer->length - n;
}

void
buffer_add(struct buffer *buffer, struct span bytes)
{
	if (bytes.length > 0)
		memcpy(buffer_extend(buffer, bytes.length), bytes.at, bytes.length);
}

void
buffer_take(struct buffer *buffer, size_t n)
{
	assert(n <= buffer->length);
	if (n == 0)
		return;
	explicit_bzero(buffer->at + buffer->start, n);
	buffer->start += n;
	buffer->length -= n;
	if (buffer->length > 0)
		return;
	buffer->start = 0;
	if (buffer->room > ROOM_KEPT && (buffer->room > ROOM_BUSY || buffer->most < buffer->room / 4))
		buffer_done(buffer);
	buffer->most = 0;
}

void
buffer_keep(struct buffer *buffer, size_t n)
{
	if (n >= buffer->length)
		return;
	explicit_bzero(buffer->at + buffer->start + n, buffer->length - n);
	buffer->length = n;
}

void
buffer_done(struct buffer *buffer)
{
	wiped_free(buffer->at);
	*buffer = (struct buffer){0};
}
