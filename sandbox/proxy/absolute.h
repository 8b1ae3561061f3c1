/* Absolute form: the target of a request to the explicit proxy, cut into its parts (RFC 9112, 3.2.2). Pure. */
#ifndef SANDBOX_PROXY_ABSOLUTE_H
#define SANDBOX_PROXY_ABSOLUTE_H

#include "common/wire/http_target.h"

enum absolute_scheme { ABSOLUTE_HTTP = 1, ABSOLUTE_HTTPS, ABSOLUTE_OTHER };

struct absolute {
	enum absolute_scheme scheme;
	struct http_authority authority; /* with ABSOLUTE_HTTP only */
	struct span path;		 /* raw, without query; may be empty */
};

/*
 * target  borrowed
 * out     untouched unless OK
 * errors  ERR_SYNTAX not scheme://authority..., a fragment, or (with http) no authority; ERR_RANGE its port
 */
enum err absolute_parse(struct span target, struct absolute *out, struct why *why) must_check;

#endif
