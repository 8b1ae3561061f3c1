/* Asking: one request that wants secrets: which it may have, and where in it each may stand. */
#ifndef ROUTER_ASKING_H
#define ROUTER_ASKING_H

#include "sandbox/router/filled.h"
#include "sandbox/router/template.h"
#include "sandbox/router/vault.h"

struct asking {
	const struct vault *vault;
	struct request *request;
	uint64_t now_ms;
	const char *code;
	struct span field;			    /* whose value is being filled in */
	bool message;				    /* it is a WebSocket's */
	struct vault_entry *used[REQUEST_USES_MAX]; /* checked already */
	size_t used_n;
};

/* An agent's request names tokens; a backend's its own key and no other. NULL: there is none by that name. */
struct vault_entry *asking_entry(const struct asking *asking, struct span slot);

/* May the request have it? ERR_DENIED, and asking->code says why: not bound to there, expired, in clear. */
enum err asking_check(struct asking *asking, struct vault_entry *entry, struct why *why) must_check;

/* The same for one that it does have from here on: noted, and masked in the answer. ERR_LIMIT too many of them. */
enum err asking_use(struct asking *asking, struct span slot, struct vault_entry *entry, struct why *why) must_check;

/*
 * Write pieces behind what is in out, each slot filled where it may stand.
 *
 * places  as template_write has them
 * code    why not, as route_end says it; a literal
 * errors  as template_write; ERR_DENIED one that may not be had, or not there
 */
enum err asking_fill(struct asking *asking, const struct msg_piece *pieces, size_t n, uint32_t places,
    struct bytes *out, const char **code, struct why *why) must_check;

#endif
