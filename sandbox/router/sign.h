/* Signing: a request that AWS is to take, signed with the sandbox's keys in place of the client's signature. */
#ifndef ROUTER_SIGN_H
#define ROUTER_SIGN_H

#include "common/bus/message.h"
#include "sandbox/router/filled.h"

#define SIGN_FIELDS 4 /* that are added at most */

/* The keys that sign; token may be empty. */
struct sign_keys {
	struct span access, secret, token;
};

/*
 * Add authorization, x-amz-date, x-amz-content-sha256 and, with a token, x-amz-security-token to request->fields, where
 * there is room for SIGN_FIELDS.
 *
 * errors  ERR_INVALID a field is there that would be added, or is there twice; it cannot be signed
 */
enum err sign_request(struct request *request, const struct msg_route_open *in, const struct sign_keys *keys,
    int64_t wall_ms, struct why *why) must_check;

#endif
