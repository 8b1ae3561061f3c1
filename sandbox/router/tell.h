/* Telling: the proxy which placeholders resolve, then the supervisor that a revision is in use. */
#ifndef ROUTER_TELL_H
#define ROUTER_TELL_H

#include "sandbox/router/router.h"

/* The set changed, or the proxy is another. Nothing where there is no proxy. */
void tell_slots(struct router *router);

/* The proxy is gone: nobody needs to know, until there is another. */
void tell_forget(struct router *router);

/* A revision is in use: told when the proxy knows it. */
void tell_applied(struct router *router);

/* Why a revision is not. */
void tell_refused(struct router *router, uint64_t revision, const struct why *why);

#endif
