/* grant: one token for one sandbox, from its identity; all its state. */
#ifndef SANDBOX_GRANT_GRANT_H
#define SANDBOX_GRANT_GRANT_H

#include "common/bus/peer.h"
#include "common/resolve/resolve.h"

#define GRANT_ROOT                                                                                                     \
	"/run/openshell/spiffe" /* of the box: the directory of the Workload API's socket, and nothing else */

/* bus.state */
enum {
	GRANT_WAITING = 1 << 0, /* for grant_setup */
	GRANT_SERVING = 1 << 1,
};

/* A process: the supervisor says with what, the router what for; then it ends. */
struct grant {
	struct loop *loop;
	struct bus bus;
	struct peer *supervisor, *router;
	bool ready, asked;
	struct arena memory; /* never given back: the process ends */
	char endpoint[128];  /* unix:/NAME */
	struct resolver *resolver;
	int to_router, authorities;
	struct msg_grant_fetch job; /* in memory */
	struct reply reply;
	uint64_t until_ms; /* clock_ms */
};

extern const struct route grant_routes[];
handler grant_setup, grant_fetch;

/*
 * The identity of this sandbox for that audience: a JWT-SVID, from the Workload API.
 *
 * out     in the memory
 * errors  ERR_UNAVAILABLE nobody answers, or not in time; ERR_DENIED there is no identity for this sandbox; ERR_PROTOCOL
 *         what came is no JWT
 */
enum err svid_fetch(struct grant *grant, struct span *out, struct why *why) must_check;

/* What is taken of an answer: the first SVID, copied into the arena. ERR_PROTOCOL; ERR_LIMIT. */
struct Spiffe__JWTSVIDResponse;
enum err svid_take(
    const struct Spiffe__JWTSVIDResponse *answer, struct arena *arena, struct span *out, struct why *why) must_check;

/* A JWT in its compact form: three parts in base64url with points between (RFC 7515, 3.1). */
bool svid_is_jwt(struct span text);

/*
 * Exchange it for a token (RFC 6749, 4.4; RFC 7523, 2.2).
 *
 * out     grant_token
 * errors  ERR_INVALID an address that is none, or in clear where it may not be; ERR_DENIED the server refuses; ERR_UNAVAILABLE,
 *         ERR_TIMEOUT, ERR_PROTOCOL, ERR_LIMIT as https_ask; ERR_NOT_FOUND the server's name
 */
enum err exchange(struct grant *grant, struct span svid, struct msg *out, struct why *why) must_check;

#endif
