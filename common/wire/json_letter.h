/* What reading and walking JSON share: letters of strings, space, and finding a value's end in a checked text. */
#ifndef COMMON_WIRE_JSON_LETTER_H
#define COMMON_WIRE_JSON_LETTER_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/span.h"
#include "common/wire/json.h"

static inline bool
json_space(char byte)
{
	return byte == ' ' || byte == '\t' || byte == '\n' || byte == '\r';
}

/* Four hex digits at the front; false and out untouched otherwise. */
bool json_hex4(struct span text, uint32_t *out);

/* The next code point of a checked string's inside, which is not empty and is moved behind it. */
uint32_t json_letter(struct span *inside);

/* The value that a checked text begins with, after space. */
struct json json_first(struct span text);

#endif
