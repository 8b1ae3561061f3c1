/* gRPC on the wire: message frames, percent-encoding, timeouts, status numbers. Pure: opens nothing. */
#ifndef COMMON_RPC_GRPC_H
#define COMMON_RPC_GRPC_H

#include <protobuf-c/protobuf-c.h>

#include "common/base/err.h"
#include "common/base/span.h"
#include "common/base/text.h"
#include "common/rpc/buffer.h"

/* Status numbers of gRPC (grpc/doc/statuscodes.md). */
enum grpc_status {
	GRPC_OK = 0,
	GRPC_CANCELLED = 1,
	GRPC_UNKNOWN = 2,
	GRPC_INVALID_ARGUMENT = 3,
	GRPC_DEADLINE_EXCEEDED = 4,
	GRPC_PERMISSION_DENIED = 7,
	GRPC_RESOURCE_EXHAUSTED = 8,
	GRPC_OUT_OF_RANGE = 11,
	GRPC_UNIMPLEMENTED = 12,
	GRPC_INTERNAL = 13,
	GRPC_UNAVAILABLE = 14,
	GRPC_UNAUTHENTICATED = 16,
};

#define GRPC_PREFIX_BYTES 5 /* compressed flag, length as 32 bits big-endian */

/*
 * Is a whole message at the front? (PROTOCOL-HTTP2.md, "Length-Prefixed-Message")
 *
 * out     its bytes, borrowed; with its prefix it is GRPC_PREFIX_BYTES longer
 * status  what the call ends with on an error other than ERR_MORE
 * errors  ERR_MORE; ERR_RANGE above max_bytes; ERR_UNIMPLEMENTED compressed; ERR_SYNTAX another flag
 */
enum err grpc_frame(
    struct span bytes, size_t max_bytes, struct span *out, enum grpc_status *status, struct why *why) must_check;

/* Append a message with its prefix. */
void grpc_frame_add(struct buffer *to, const ProtobufCMessage *message);

/* grpc-message: bytes outside space..~ and % itself as %XX; what does not fit is cut between characters. */
void grpc_percent_encode(struct text *to, struct span bytes);

/* The other way; a % without two hex digits stands for itself. Cut to size with a NUL behind it. */
void grpc_percent_decode(struct span text, char *to, size_t size);

/* grpc-timeout, e.g. "10S", into milliseconds, rounded up; ERR_SYNTAX otherwise. */
enum err grpc_timeout_parse(struct span text, uint64_t *out_ms, struct why *why) must_check;

/* What an HTTP status means where gRPC was expected (http-grpc-status-mapping.md). */
enum grpc_status grpc_of_http(unsigned http_status);

/* What a stream's HTTP/2 error code means (PROTOCOL-HTTP2.md, "Errors"). */
enum grpc_status grpc_of_http2(uint32_t error_code);

/* Our error for a status number, so that err_grpc of it is the number again; ERR_INTERNAL where there is none. */
enum err grpc_err(int status);

#endif
