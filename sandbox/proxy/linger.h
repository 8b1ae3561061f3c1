/* Lingering: a leg whose owner is done with it is closed only when the other side has had what was written to it. */
#ifndef SANDBOX_PROXY_LINGER_H
#define SANDBOX_PROXY_LINGER_H

#include "common/leg/leg.h"

struct proxy;

/*
 * Finish the leg, read and drop what still comes until the other side ends, for at most 2 s and 1 MiB, then close it.
 * (Closed with bytes unread, the kernel would send a reset, and the answer on its way would be lost.) NULL does nothing.
 */
void leg_linger(struct proxy *proxy, struct leg *leg);

/* Close all of them now. */
void linger_done(struct proxy *proxy);

#endif
