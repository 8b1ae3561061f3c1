/* AWS: what STS answers. */
#ifndef CREDENTIALS_FETCH_AWS_H
#define CREDENTIALS_FETCH_AWS_H

#include "common/base/span.h"
#include "common/base/err.h"

struct aws_keys {
	struct span access_key, secret_key, session_token; /* borrowed */
	uint64_t expires_s;				   /* since 1970 */
};

/*
 * Read the Credentials of an AssumeRoleResponse (STS API reference, version 2011-06-15): XML whose values need no escape.
 *
 * errors  ERR_PROTOCOL an element is missing, empty, too long or holds a byte it may not hold; out untouched
 */
enum err aws_keys_read(struct span body, struct aws_keys *out, struct why *why) must_check;

/* "2026-01-02T03:04:05Z" or with a fraction, as seconds since 1970; false when it is none. */
bool aws_time_read(struct span text, uint64_t *out);

#endif
