/*
 * Digests as protocols write them; apart because OpenSSL's headers and our errors share a name. OpenSSL reads its
 * configuration with the first one: a process without files takes one before its jail.
 */
#ifndef COMMON_WIRE_DIGEST_H
#define COMMON_WIRE_DIGEST_H

#include "common/base/span.h"

#define DIGEST_SHA1_BASE64_BYTES 29 /* with a NUL */
#define DIGEST_SHA256_HEX_BYTES	 65

/* SHA-1 in base64: what a WebSocket handshake answers (RFC 6455, 4.2.2). */
void digest_sha1_base64(struct span bytes, char to[DIGEST_SHA1_BASE64_BYTES]);

/* SHA-256 in lower-case hex: how GraphQL documents are named. */
void digest_sha256_hex(struct span bytes, char to[DIGEST_SHA256_HEX_BYTES]);

#endif
