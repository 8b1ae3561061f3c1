/* OAuth 2.0: token requests and what they are answered (RFC 6749). */
#ifndef COMMON_HTTPS_OAUTH_H
#define COMMON_HTTPS_OAUTH_H

#include "common/base/arena.h"
#include "common/base/text.h"

#define OAUTH_TOKEN_MAX 16384 /* bytes of a token: what a credential may have */

/* What a token server answered; borrowed, or in the arena. */
struct oauth_token {
	struct span access_token;
	struct span refresh_token; /* empty: the old one stays */
	bool has_lifetime;
	uint64_t lifetime_s;
};

/*
 * Read an answer of 200 (RFC 6749, 5.1).
 *
 * out     untouched unless OK
 * errors  ERR_PROTOCOL not JSON, or no access_token; ERR_RANGE a token of over OAUTH_TOKEN_MAX bytes
 */
enum err oauth_token_read(struct span body, struct arena *arena, struct oauth_token *out, struct why *why) must_check;

/* The error code of an answer that is none (RFC 6749, 5.2): letters and underscores; "" when there is no such. */
struct span oauth_error_read(struct span body);

/* Add "name=value" to a form. */
void form_add(struct text *form, const char *name, struct span value);

#endif
