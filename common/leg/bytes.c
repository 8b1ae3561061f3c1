/* Bytes: making room. */
#include "common/leg/bytes.h"

#define FIRST_BYTES 4096u

static size_t held; /* by all of them */

size_t
bytes_held(void)
{
	return held;
}

void
bytes_free(struct bytes *bytes)
{
	held -= bytes->size;
	free(bytes->at);
	*bytes = (struct bytes){0};
}

char *
bytes_room(struct bytes *bytes, size_t n)
{
	size_t length = bytes_length(bytes), size = bytes->size == 0 ? FIRST_BYTES : bytes->size;

	if (bytes->size - bytes->end >= n)
		return bytes->at + bytes->end;
	if (bytes->begin > 0 && length > 0)
		memmove(bytes->at, bytes->at + bytes->begin, length);
	bytes->begin = 0;
	bytes->end = length;
	while (size - length < n)
		size *= 2;
	if (size != bytes->size && (bytes->at = realloc(bytes->at, size)) == NULL)
		abort();
	held += size - bytes->size;
	bytes->size = size;
	return bytes->at + length;
}

void
bytes_add(struct bytes *bytes, struct span more)
{
	if (more.length == 0)
		return;
	memcpy(bytes_room(bytes, more.length), more.at, more.length);
	bytes->end += more.length;
}
