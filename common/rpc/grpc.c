/* gRPC on the wire: what PROTOCOL-HTTP2.md of the gRPC project says, without the HTTP/2 below it. */
#include "common/rpc/grpc.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <string.h>

#include "common/base/clean.h"
#include "common/rpc/client.h"

enum err
grpc_frame(struct span bytes, size_t max_bytes, struct span *out, enum grpc_status *status, struct why *why)
{
	uint32_t length;

	if (bytes.length < GRPC_PREFIX_BYTES)
		return ERR_MORE;
	if (bytes.at[0] == 1) {
		*status = GRPC_UNIMPLEMENTED;
		return fail(why, ERR_UNIMPLEMENTED, "compressed messages are not supported");
	}
	if (bytes.at[0] != 0) {
		*status = GRPC_INTERNAL;
		return fail(why, ERR_SYNTAX, "a message's compressed flag is neither 0 nor 1");
	}
	memcpy(&length, bytes.at + 1, sizeof(length));
	length = ntohl(length);
	if (length > max_bytes) {
		*status = GRPC_OUT_OF_RANGE;
		return fail(why, ERR_RANGE, "a message of %u bytes is over the limit of %zu", length, max_bytes);
	}
	if (bytes.length - GRPC_PREFIX_BYTES < length)
		return ERR_MORE;
	*out = span_head(span_of_bytes(bytes.at + GRPC_PREFIX_BYTES, length), length);
	return OK;
}

void
grpc_frame_add(struct buffer *to, const ProtobufCMessage *message)
{
	size_t length = protobuf_c_message_get_packed_size(message);
	uint32_t prefix = htonl((uint32_t)length);
	char *at = buffer_extend(to, GRPC_PREFIX_BYTES + length);

	at[0] = 0;
	memcpy(at + 1, &prefix, sizeof(prefix));
	protobuf_c_message_pack(message, (uint8_t *)at + GRPC_PREFIX_BYTES);
}

/* Bytes of the UTF-8 character at the front; 1 for what is none. */
static size_t
character_bytes(struct span text)
{
	unsigned char first = (unsigned char)text.at[0];
	size_t n = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : first >= 0xc0 ? 2 : 1;

	return n <= text.length ? n : 1;
}

void
grpc_percent_encode(struct text *to, struct span bytes)
{
	for (size_t n; bytes.length > 0; bytes = span_tail(bytes, n)) {
		n = character_bytes(bytes);
		if (n == 1 && bytes.at[0] >= ' ' && bytes.at[0] <= '~' && bytes.at[0] != '%') {
			if (to->length + 1 >= to->size)
				return;
			text_add_span(to, span_head(bytes, 1));
			continue;
		}
		if (to->length + 3 * n >= to->size)
			return;
		for (size_t i = 0; i < n; i++)
			text_add(to, "%%%02X", (unsigned char)bytes.at[i]);
	}
}

void
grpc_percent_decode(struct span text, char *to, size_t size)
{
	size_t used = 0;
	uint8_t byte;

	while (text.length > 0 && used + 1 < size) {
		if (text.at[0] == '%' && text.length >= 3 && hex_read(span_head(span_tail(text, 1), 2), &byte, 1) &&
		    byte != 0) {
			to[used++] = (char)byte;
			text = span_tail(text, 3);
		} else {
			to[used++] = text.at[0];
			text = span_tail(text, 1);
		}
	}
	to[used] = '\0';
}

enum err
grpc_timeout_parse(struct span text, uint64_t *out_ms, struct why *why)
{
	static const struct {
		char letter;
		uint64_t ns;
	} units[] = {
	    {'H', 3600000000000},
	    {'M', 60000000000},
	    {'S', 1000000000},
	    {'m', 1000000},
	    {'u', 1000},
	    {'n', 1},
	};
	uint64_t n = 0;

	if (text.length < 2 || text.length > 9)
		return fail(why, ERR_SYNTAX, "grpc-timeout is not 1 to 8 digits and a unit");
	for (size_t i = 0; i + 1 < text.length; i++) {
		if (text.at[i] < '0' || text.at[i] > '9')
			return fail(why, ERR_SYNTAX, "grpc-timeout is not a number");
		n = n * 10 + (uint64_t)(text.at[i] - '0');
	}
	for (size_t i = 0; i < COUNT(units); i++)
		if (units[i].letter == text.at[text.length - 1]) {
			/* hours times 8 digits do not fit into nanoseconds */
			*out_ms =
			    units[i].ns >= 1000000 ? n * (units[i].ns / 1000000) : (n * units[i].ns + 999999) / 1000000;
			return OK;
		}
	return fail(why, ERR_SYNTAX, "grpc-timeout has a unit other than H M S m u n");
}

enum grpc_status
grpc_of_http(unsigned http_status)
{
	static const struct {
		unsigned http;
		enum grpc_status status;
	} rows[] = {
	    {400, GRPC_INTERNAL},
	    {401, GRPC_UNAUTHENTICATED},
	    {403, GRPC_PERMISSION_DENIED},
	    {404, GRPC_UNIMPLEMENTED},
	    {429, GRPC_UNAVAILABLE},
	    {502, GRPC_UNAVAILABLE},
	    {503, GRPC_UNAVAILABLE},
	    {504, GRPC_UNAVAILABLE},
	};

	for (size_t i = 0; i < COUNT(rows); i++)
		if (rows[i].http == http_status)
			return rows[i].status;
	return GRPC_UNKNOWN;
}

enum grpc_status
grpc_of_http2(uint32_t error_code)
{
	static const struct {
		uint32_t code; /* RFC 9113, section 7 */
		enum grpc_status status;
	} rows[] = {
	    {0x7, GRPC_UNAVAILABLE},	    /* REFUSED_STREAM */
	    {0x8, GRPC_CANCELLED},	    /* CANCEL */
	    {0xb, GRPC_RESOURCE_EXHAUSTED}, /* ENHANCE_YOUR_CALM */
	    {0xc, GRPC_PERMISSION_DENIED},  /* INADEQUATE_SECURITY */
	};

	for (size_t i = 0; i < COUNT(rows); i++)
		if (rows[i].code == error_code)
			return rows[i].status;
	return GRPC_INTERNAL;
}

enum err
grpc_err(int status)
{
	static const enum err rows[] = {
	    [0] = OK,
	    [1] = ERR_CANCELLED,
	    [3] = ERR_INVALID,
	    [4] = ERR_TIMEOUT,
	    [5] = ERR_NOT_FOUND,
	    [6] = ERR_EXISTS,
	    [7] = ERR_DENIED,
	    [8] = ERR_LIMIT,
	    [9] = ERR_STATE,
	    [10] = ERR_CONFLICT,
	    [12] = ERR_UNIMPLEMENTED,
	    [14] = ERR_UNAVAILABLE,
	    [16] = ERR_UNAUTHENTICATED,
	};

	if (status == 0)
		return OK;
	return status < 0 || (size_t)status >= COUNT(rows) || rows[status] == OK ? ERR_INTERNAL : rows[status];
}

const char *
rpc_code_words(int code)
{
	static const char *const words[] = {
	    "The operation completed successfully",
	    "The operation was cancelled",
	    "Unknown error",
	    "Client specified an invalid argument",
	    "Deadline expired before operation could complete",
	    "Some requested entity was not found",
	    "Some entity that we attempted to create already exists",
	    "The caller does not have permission to execute the specified operation",
	    "Some resource has been exhausted",
	    "The system is not in a state required for the operation's execution",
	    "The operation was aborted",
	    "Operation was attempted past the valid range",
	    "Operation is not implemented or not supported",
	    "Internal error",
	    "The service is currently unavailable",
	    "Unrecoverable data loss or corruption",
	    "The request does not have valid authentication credentials",
	};

	return code < 0 || (size_t)code >= COUNT(words) ? words[2] : words[code];
}
