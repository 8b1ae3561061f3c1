/* AWS Signature Version 4 of a request's head (docs.aws.amazon.com, "Create a signed AWS API request"). */
#ifndef COMMON_WIRE_SIGV4_H
#define COMMON_WIRE_SIGV4_H

#include "common/base/err.h"
#include "common/base/text.h"

#define SIGV4_FIELDS_MAX 64
#define SIGV4_PAIRS_MAX	 128 /* of the query */
#define SIGV4_DATE_BYTES 17  /* "20150830T123600Z" with a NUL */

/* One header field that is signed. */
struct sigv4_field {
	struct span name;  /* lower case, each once */
	struct span value; /* as it is sent; space around it does not count, nor how much within */
};

/* What is signed, and with which keys; all borrowed. */
struct sigv4 {
	struct span method;
	struct span path;		  /* as it is sent, percent-encoded; "" is "/" */
	struct span query;		  /* as it is sent, without the question mark */
	const struct sigv4_field *fields; /* host and x-amz-date among them; in any order */
	size_t fields_n;
	struct span payload_hash; /* hex SHA-256 of the body, or UNSIGNED-PAYLOAD and the like */
	struct span date;	  /* as in x-amz-date */
	struct span region, service;
	struct span access_key, secret_key;
};

/*
 * Write the value of Authorization. Paths are encoded once more, as all services but s3 want it.
 *
 * out     the access key stands in it, so it is as secret as that; what lay between is wiped
 * errors  ERR_LIMIT over SIGV4_FIELDS_MAX or SIGV4_PAIRS_MAX; ERR_RANGE out is too small; ERR_INVALID date is none,
 *         or no secret key
 */
enum err sigv4_sign(const struct sigv4 *in, struct text *out, struct why *why) must_check;

/* "20150830T123600Z" of a wall clock in milliseconds. */
void sigv4_date(int64_t wall_ms, char to[SIGV4_DATE_BYTES]);

#endif
