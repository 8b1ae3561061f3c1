/* Refreshes: which credentials are renewed, when, and by which of several state processes. */
#ifndef SERVICES_STATE_REFRESHES_H
#define SERVICES_STATE_REFRESHES_H

#include "services/state/providers.h"

/* States of a provider's renewals, of one key or (empty) of all. */
enum err refresh_states(struct state *state, struct id provider, struct span key, struct arena *arena,
    struct msg_refresh_states *out, struct why *why) must_check;

/* ERR_NOT_FOUND in words for a caller. */
enum err refresh_missing(struct span key, struct why *why) must_check;

/* "WORKSPACE/PROVIDER KEY", for the audit. */
const char *refresh_object(struct arena *arena, struct span workspace, struct span provider, struct span key);

/* Who waits for a renewal: done is told once how it ended, maybe before refresh_now returns. */
struct refresh_wait {
	void (*done)(struct refresh_wait *wait, enum err r, const struct why *why);
};

/* Renew one credential now. On an error done is not told: ERR_UNAVAILABLE, or ERR_BUSY somebody else is at it. */
enum err refresh_now(
    struct state *state, struct id provider, struct span key, struct refresh_wait *wait, struct why *why) must_check;

#endif
