/* Buffers: bytes on the heap that leave in the order they came, wiped as they leave. */
#ifndef COMMON_RPC_BUFFER_H
#define COMMON_RPC_BUFFER_H

#include "common/base/span.h"

/* All zero is an empty buffer; no bound of its own, whoever adds looks at length first. */
struct buffer {
	char *at;
	size_t start, length, room;
	size_t most; /* length at most, since it was last empty */
};

void buffer_add(struct buffer *buffer, struct span bytes);

/* Count n more bytes as used and return where to write them; good until the next call. */
char *buffer_extend(struct buffer *buffer, size_t n);

/* What is in it; borrowed until the next call. */
static inline struct span
buffer_span(const struct buffer *buffer)
{
	return (struct span){buffer->length == 0 ? NULL : buffer->at + buffer->start, buffer->length};
}

/* Drop the first n bytes. */
void buffer_take(struct buffer *buffer, size_t n);

/* Drop all but the first n bytes. */
void buffer_keep(struct buffer *buffer, size_t n);

void buffer_done(struct buffer *buffer);

/* free(3) of memory that may have held a secret. */
void wiped_free(void *at);

#endif
