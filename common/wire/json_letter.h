/* What checking and walking JSON share: space, and the letters of strings. */
#ifndef COMMON_WIRE_JSON_LETTER_H
#define COMMON_WIRE_JSON_LETTER_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/span.h"

static inline bool
json_space(char byte)
{
	return byte == ' ' || byte == '\t' || byte == '\n' || byte == '\r';
}

/* Four hex digits at the front; false and out untouched otherwise. */
bool json_hex4(struct span text, uint32_t *out);

/* The next code point of a checked string's inside, which is not empty and is moved behind it. */
uint32_t json_letter(struct span *inside);

/* A code point in UTF-8, 1 to 4 bytes; returns how many. */
size_t json_letter_write(uint32_t letter, char *to);

#endif
