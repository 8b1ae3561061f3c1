/* Dialling through a company's proxy: CONNECT to each address in turn, until it opens a way to one. */
#ifndef COMMON_LEG_CHAIN_H
#define COMMON_LEG_CHAIN_H

#include "common/base/span.h"
#include "common/leg/dial.h"

#define CHAIN_MS	 30000 /* for all addresses together */
#define CHAIN_HEAD_BYTES 8192  /* of the proxy's answer */

struct chain;

/* The proxy, and how it is asked. */
struct chain_way {
	const struct address *proxy; /* its addresses, tried in order; copied */
	size_t proxy_n;
	uint16_t port;
	const char *host;  /* ask for this name; NULL: for the addresses, one after the other. Copied */
	struct span login; /* "USER:PASSWORD", for Basic; empty: none. Copied, and wiped */
};

/*
 * Have a way opened to the first of these addresses for which the proxy does so.
 *
 * addresses  judged already; copied
 * done       as dial_begin: the socket is the proxy's, and what comes on it next is the far side's. Only status 200 is a way;
 *            bytes behind its head stay in the socket. ERR_UNAVAILABLE says what the proxy answered last
 */
struct chain *chain_begin(struct loop *loop, const struct chain_way *way, const struct address *addresses, size_t n,
    uint16_t port, uint32_t deadline_ms, dial_done *done, void *self);

/* Forget it: done will not run. NULL does nothing; one that is done must not be given. */
void chain_cancel(struct chain *chain);

#endif
