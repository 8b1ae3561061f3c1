/* Compressed WebSocket messages (RFC 7692, section 7.2.2): one message, without context from those before it. */
#ifndef COMMON_WIRE_WEBSOCKET_INFLATE_H
#define COMMON_WIRE_WEBSOCKET_INFLATE_H

#include <stddef.h>

#include "common/base/err.h"
#include "common/base/span.h"

#define WEBSOCKET_RATIO_MAX	   256 /* inflated to compressed, past the first WEBSOCKET_RATIO_FREE_BYTES */
#define WEBSOCKET_RATIO_FREE_BYTES 65536

/*
 * Inflate a whole message.
 *
 * max_bytes  at most that much comes out
 * out        on the heap: the caller frees out->at (never NULL when OK); untouched unless OK
 * errors     ERR_LIMIT past max_bytes or the ratio (close with 1009); ERR_PROTOCOL not deflate, or bytes behind its end
 *            that another reader might take for more (close with 1002)
 */
enum err websocket_inflate(struct span compressed, size_t max_bytes, struct span *out, struct why *why) must_check;

#endif
