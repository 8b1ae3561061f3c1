/* Ids: UUIDs of version 4 (RFC 9562, section 5.4), how sandboxes and instances are named. */
#ifndef COMMON_BASE_ID_H
#define COMMON_BASE_ID_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "common/base/err.h"
#include "common/base/span.h"

#define ID_TEXT_BYTES 37 /* 36 and a NUL */

struct id {
	uint8_t bytes[16]; /* all zero: no id */
};

/* Its text form in a buffer of the caller's expression: good until the enclosing block ends. */
#define id_text(id) id_write((id), (char[ID_TEXT_BYTES]){0})

char *id_write(struct id id, char to[ID_TEXT_BYTES]);

/* A fresh random one. */
struct id id_new(void);

/* Read 8-4-4-4-12 hex digits; ERR_SYNTAX otherwise. */
enum err id_parse(struct span text, struct id *out, struct why *why) must_check;

static inline bool
id_equal(struct id a, struct id b)
{
	return memcmp(a.bytes, b.bytes, sizeof(a.bytes)) == 0;
}

static inline bool
id_none(struct id a)
{
	return id_equal(a, (struct id){{0}});
}

#endif
