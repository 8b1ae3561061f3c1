/* Dialling: a list of addresses, tried in order until one answers. */
#ifndef COMMON_LEG_DIAL_H
#define COMMON_LEG_DIAL_H

#include "common/os/loop.h"
#include "common/policy/range.h"

struct dial;

/* How it ended: a connected, non-blocking socket (fd, the caller's; which address it was), or why not. */
typedef void dial_done(void *self, enum err r, int fd, size_t which, const struct why *why);

/*
 * Connect to the first of these addresses that answers. Each has 5 s where others are left.
 *
 * addresses  copied
 * done       later, from the loop, once: OK; ERR_TIMEOUT past deadline_ms; ERR_UNAVAILABLE what the last one said
 */
struct dial *dial_begin(struct loop *loop, const struct address *addresses, size_t n, uint16_t port,
    uint32_t deadline_ms, dial_done *done, void *self);

/* Forget it: done will not run. NULL does nothing; one that is done must not be given. */
void dial_cancel(struct dial *dial);

#endif
