/* Base64 with padding (RFC 4648, 4), the way that credentials in HTTP are written. */
#ifndef COMMON_WIRE_BASE64_H
#define COMMON_WIRE_BASE64_H

#include <stddef.h>

#include "common/base/err.h"
#include "common/base/span.h"

#define BASE64_BYTES(n) (((n) + 2) / 3 * 4) /* letters for n bytes; no NUL */

/* Write bytes as letters; to has room for BASE64_BYTES(bytes.length). Returns how many. */
size_t base64_write(struct span bytes, char *to);

/*
 * Read letters, spelled the only way there is: padded, no spaces, no bits left over.
 *
 * to      room for text.length / 4 * 3 bytes; may hold rubbish after an error
 * out     in to; untouched unless OK
 * errors  ERR_SYNTAX
 */
enum err base64_read(struct span text, char *to, struct span *out, struct why *why) must_check;

#endif
