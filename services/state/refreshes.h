/* Refreshes: which credentials are renewed, when, and by which of several state processes. */
#ifndef SERVICES_STATE_REFRESHES_H
#define SERVICES_STATE_REFRESHES_H

#include "services/state/providers.h"

/* Who waits for a renewal: done is told once how it ended, maybe before refresh_now returns. */
struct refresh_wait {
	void (*done)(struct refresh_wait *wait, enum err r, const struct why *why);
};

/* Renew one credential now. On an error done is not told: ERR_UNAVAILABLE, or ERR_BUSY somebody else is at it. */
enum err refresh_now(struct state *state, struct id provider, struct span key, struct refresh_wait *wait,
    struct why *why) must_check;

#endif
