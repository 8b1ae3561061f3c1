/* Requests: a route_open checked against the bindings of all secrets it uses, and filled in as it will be written. */
#ifndef ROUTER_REQUEST_H
#define ROUTER_REQUEST_H

#include "sandbox/router/filled.h"
#include "sandbox/router/template.h"
#include "sandbox/router/vault.h"

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

/*
 * What stands behind its body; copied. Those that a grant's token takes the place of are left out.
 *
 * errors  ERR_INVALID one that may not stand there; ERR_LIMIT over 16 KiB
 */
enum err request_trailers(
    struct request *request, const struct msg_plain_field *trailers, size_t n, struct why *why) must_check;

/* The token of its grant came: into its field. ERR_INVALID a field that it cannot stand in; ERR_LIMIT. */
enum err request_grant(struct request *request, struct span token, struct why *why) must_check;

/*
 * May one that is filled in and has not gone yet still go, by these secrets?
 *
 * code    as above
 */
enum err request_recheck(
    const struct vault *vault, struct request *request, uint64_t now_ms, const char **code, struct why *why) must_check;

void request_done(struct request *request);

#endif
