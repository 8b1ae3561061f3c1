/* Helpers: the other processes of this sandbox that have a channel to the link, to put their events on the spool. */
#ifndef LINK_HELPERS_H
#define LINK_HELPERS_H

#include "sandbox/link/link.h"

/* A channel has ended: forget it. */
void helper_gone(struct link *link, const struct peer *peer);

/* May this peer put lines on the spool? */
bool may_log(const struct link *link, const struct peer *peer);

void helpers_done(struct link *link);

handler channel_give;

#endif
