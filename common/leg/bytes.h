/* Bytes: a queue of bytes in one piece, which grows as it must and gives its memory back when it is empty. */
#ifndef COMMON_LEG_BYTES_H
#define COMMON_LEG_BYTES_H

#include <stdlib.h>

#include "common/base/span.h"

/* All zero is an empty one. Who adds has looked at the bound first. */
struct bytes {
	char *at;
	size_t begin, end, size;
};

static inline size_t
bytes_length(const struct bytes *bytes)
{
	return bytes->end - bytes->begin;
}

static inline struct span
bytes_span(const struct bytes *bytes)
{
	return bytes->at == NULL ? SPAN_NONE : span_of_bytes(bytes->at + bytes->begin, bytes_length(bytes));
}

/* Room for at least n bytes behind the last one; whoever fills it adds to end. */
char *bytes_room(struct bytes *bytes, size_t n);

void bytes_add(struct bytes *bytes, struct span more);

/* Drop n bytes from the front. */
static inline void
bytes_take(struct bytes *bytes, size_t n)
{
	bytes->begin += n;
	if (bytes->begin == bytes->end)
		bytes->begin = bytes->end = 0;
}

void bytes_free(struct bytes *bytes);

/* Memory of all of them, of this process. */
size_t bytes_held(void);

#endif
