/* Request targets and authorities: the one canonical form that is matched against the policy and that is sent on. */
#ifndef COMMON_WIRE_HTTP_TARGET_H
#define COMMON_WIRE_HTTP_TARGET_H

#include "common/base/err.h"
#include "common/base/span.h"

#define HTTP_PATH_BYTES 4096

struct http_authority {
	struct span host; /* without brackets and trailing dot; 1 to 253 bytes */
	bool brackets;	  /* it was [host]: an IPv6 address */
	bool dot;	  /* there was a trailing one: the byte behind host */
	bool has_port;
	uint16_t port;
};

struct http_target {
	struct span scheme, authority; /* of an absolute form: "http" or "https" in any case; else empty */
	struct span path;	       /* canonical, in the room that was given */
	struct span query;	       /* as sent, without the question mark; borrowed from the target */
	bool has_query;
	bool encoded_slash; /* the path holds %2F */
};

/*
 * The canonical form of a request target (policy-and-proxy 6.3, S21, S22): decoded once, dot segments resolved, empty
 * segments and parameters dropped, encoded again.
 *
 * encoded_slash  %2F is kept as an opaque byte of its segment; else it is refused
 * room           HTTP_PATH_BYTES bytes for the path
 * out            untouched unless OK
 * errors         ERR_RANGE the path is over HTTP_PATH_BYTES; ERR_SYNTAX anything else
 */
enum err http_target_parse(
    struct span target, bool encoded_slash, char *room, struct http_target *out, struct why *why) must_check;

/*
 * Read "host", "host:port", "[v6]" or "[v6]:port" (RFC 3986, 3.2, without userinfo: S33).
 *
 * errors  ERR_SYNTAX; ERR_RANGE port not 1..65535, host over 253 bytes
 */
enum err http_authority_parse(struct span text, struct http_authority *out, struct why *why) must_check;

/*
 * Does it mean this host and port? Case, brackets and one trailing dot make no difference.
 *
 * host          without brackets
 * default_port  what a missing port means: 443 under TLS, 80 in clear
 */
bool http_authority_is(const struct http_authority *authority, struct span host, uint16_t port, uint16_t default_port);

/*
 * What of an API's path goes behind the path of a base address: where the base says the version already (it ends in /v1,
 * or begins with /v1/), not a second /v1.
 */
struct span http_behind_base(struct span base, struct span path);

#endif
