/* Numbers in network order, taken from the front of a span: for readers of binary protocols. */
#ifndef COMMON_WIRE_BYTES_H
#define COMMON_WIRE_BYTES_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/span.h"

/* Take n bytes off the front; false, and nothing is taken, when there are fewer. */
static inline bool
bytes_take(struct span *rest, size_t n, struct span *out)
{
	if (rest->length < n)
		return false;
	*out = span_head(*rest, n);
	*rest = span_tail(*rest, n);
	return true;
}

/* The same for a number of 1 to 4 bytes. */
static inline bool
bytes_number(struct span *rest, size_t n, uint32_t *out)
{
	struct span bytes;
	uint32_t number = 0;

	if (!bytes_take(rest, n, &bytes))
		return false;
	for (size_t i = 0; i < n; i++)
		number = number << 8 | (unsigned char)bytes.at[i];
	*out = number;
	return true;
}

/* The same for bytes that stand behind their length of n bytes. */
static inline bool
bytes_vector(struct span *rest, size_t n, struct span *out)
{
	struct span at = *rest;
	uint32_t length;

	if (!bytes_number(&at, n, &length) || !bytes_take(&at, length, out))
		return false;
	*rest = at;
	return true;
}

#endif
