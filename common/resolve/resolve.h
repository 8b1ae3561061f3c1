/* Resolving: literal, then the hosts file as it was before the agent started, then the given name servers. No NSS. */
#ifndef COMMON_RESOLVE_RESOLVE_H
#define COMMON_RESOLVE_RESOLVE_H

#include "common/policy/destination.h"
#include "common/os/loop.h"

#define RESOLVE_MAX 16 /* addresses of one name; more are left out */

struct resolver;

/*
 * Make one, before the jail (c-ares wants its random seed).
 *
 * resolvers  address, address:port or [address]:port; none: only literals and hosts are known
 * hosts      "address name"; what cannot be read is left out
 * errors     ERR_SYNTAX, ERR_RANGE a resolver that is none; ERR_SYSTEM
 */
enum err resolver_new(struct loop *loop, const struct span *resolvers, size_t resolvers_n, const struct span *hosts,
    size_t hosts_n, struct resolver **out, struct why *why) must_check;
void resolver_free(struct resolver *resolver); /* nobody is told any more */

/*
 * done     later from the loop, once: OK with 1 to RESOLVE_MAX addresses, IPv4 first (borrowed for the call);
 *          ERR_NOT_FOUND there are none; ERR_UNAVAILABLE no answer; ERR_LIMIT too many are being asked for
 * returns  a number for resolve_cancel
 */
uint64_t resolve(struct resolver *resolver, const char *host,
    void (*done)(void *self, enum err r, const struct address *addresses, size_t n, const struct why *why), void *self);
void resolve_cancel(struct resolver *resolver, uint64_t number);

/* The link-local gateway that the hosts file names host.openshell.internal or the like; NULL: none (7.2, mode 1). */
const struct address *resolver_gateway(const struct resolver *resolver);

#endif
