/* HTTP/1.1 requests without a body, read strictly (RFC 9112): what health checks and metrics scrapers send. */
#ifndef COMMON_WIRE_HTTP1_H
#define COMMON_WIRE_HTTP1_H

#include "common/base/err.h"
#include "common/base/span.h"

#define HTTP1_HEAD_BYTES 16384 /* request line and fields with the empty line behind them */
#define HTTP1_FIELDS_MAX 64

struct http1_field {
	struct span name, value; /* as sent; value without space around it */
};

struct http1_request {
	struct span method; /* a token, e.g. GET */
	struct span target; /* origin form: begins with / */
	struct http1_field fields[HTTP1_FIELDS_MAX];
	size_t fields_n;
	bool keep_alive; /* the connection may serve another request */
};

/*
 * Read one request from the front of a stream of bytes.
 *
 * out     spans borrowed from bytes; untouched unless OK
 * used    how many bytes it was
 * errors  ERR_MORE; ERR_RANGE over HTTP1_HEAD_BYTES or HTTP1_FIELDS_MAX; ERR_UNIMPLEMENTED it has a body; ERR_SYNTAX
 *         anything else: a bare CR or LF, a folded line, a space before a colon, not exactly one Host in HTTP/1.1
 */
enum err http1_request_parse(struct span bytes, struct http1_request *out, size_t *used, struct why *why) must_check;

/* Value of the first field of that name (any case); false when there is none. */
bool http1_field(const struct http1_request *request, const char *name, struct span *out);

#endif
