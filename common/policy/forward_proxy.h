/* The proxy that the way out itself goes by, where a company has one: its address, its login, and whom it is not asked for. */
#ifndef COMMON_POLICY_FORWARD_PROXY_H
#define COMMON_POLICY_FORWARD_PROXY_H

#include "common/base/err.h"
#include "common/policy/range.h"

#define FORWARD_HOST_BYTES	254
#define FORWARD_LOGIN_MAX	4096
#define FORWARD_EXCEPTIONS_MAX	64
#define FORWARD_EXCEPTION_BYTES 2000 /* of the whole list */

struct forward_proxy {
	char host[FORWARD_HOST_BYTES]; /* a name or an address, no brackets */
	uint16_t port;
};

/*
 * Read "http://HOST:PORT", with a slash behind it or not; it is spoken with in clear (policy-and-proxy 5.8).
 *
 * out     untouched unless OK
 * errors  ERR_INVALID another scheme, a login, a path, no port; ERR_SYNTAX, ERR_RANGE what http_authority_parse says
 */
enum err forward_proxy_parse(struct span url, struct forward_proxy *out, struct why *why) must_check;

/* "USER:PASSWORD", 3 to FORWARD_LOGIN_MAX bytes without control bytes; one line end behind it is cut off. ERR_INVALID */
enum err forward_login_parse(struct span file, struct span *out, struct why *why) must_check;

/*
 * Is that a list of exceptions? Parted by commas, each with :PORT or without: *, a domain (it and what is below; a leading
 * "." or "*." changes nothing), an address, ADDRESS/BITS; an IPv6 one in brackets where a port follows.
 *
 * errors  ERR_INVALID with the entry; ERR_LIMIT more than FORWARD_EXCEPTIONS_MAX or FORWARD_EXCEPTION_BYTES
 */
enum err forward_exceptions_check(struct span list, struct why *why) must_check;

/*
 * Is this place dialled directly? Loopback always is: by its addresses, whatever it is called.
 *
 * addresses  judged already; where entries name only some of them, the others are taken out
 */
bool forward_direct(struct span list, struct span host, uint16_t port, struct address *addresses, size_t *n);

#endif
