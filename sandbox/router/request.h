/* Requests: a route_open checked against the bindings of all secrets it uses, and filled in as it will be written. */
#ifndef ROUTER_REQUEST_H
#define ROUTER_REQUEST_H

#include "common/policy/destination.h"
#include "sandbox/router/mask.h"
#include "sandbox/router/template.h"
#include "sandbox/router/vault.h"

#define REQUEST_USES_MAX      32 /* secrets in one request */
#define REQUEST_ADDRESSES_MAX 16
#define REQUEST_FIELDS_MAX    128
#define REQUEST_BYTES_MAX     (256u << 10) /* of head with secrets */

enum request_body { REQUEST_EMPTY, REQUEST_LENGTH, REQUEST_STREAMED, REQUEST_PIECES };

struct request_field {
	struct span name, value;
	bool secret; /* holds one: in no table of HTTP/2 */
};

/* As it will be written. Spans are within arena and written; all is wiped with them. */
struct request {
	struct arena memory;
	struct bytes written; /* target and values of fields */
	struct span method, target, authority;
	char *host; /* lower case, without brackets */
	uint16_t port;
	bool tls, h2, upgrade, head, replayable;
	enum request_body body;
	uint64_t length;
	struct span shown; /* path as bindings see it */
	struct request_field *fields;
	size_t fields_n;
	struct address addresses[REQUEST_ADDRESSES_MAX];
	size_t addresses_n;
	struct span backend;
	bool slots;	/* some were in its head */
	struct mask mask; /* of secrets that were used and ask for it */
	uint32_t head_ms;
};

/*
 * Check and fill in.
 *
 * vault   NULL: no secrets yet
 * now_ms  wall clock, for expiry
 * code    why not, as route_end says it; a literal
 * out     to be given to request_done whatever is returned
 */
enum err request_make(const struct vault *vault, const struct msg_route_open *in, uint64_t now_ms, struct request *out,
    const char **code, struct why *why) must_check;

/*
 * Pieces of its body, or a message behind an upgrade, written behind out under the same bindings.
 *
 * code    as above
 */
enum err request_pieces(const struct vault *vault, struct request *request, const struct msg_piece *pieces, size_t n,
    uint64_t now_ms, struct bytes *out, const char **code, struct why *why) must_check;

void request_done(struct request *request);

#endif
