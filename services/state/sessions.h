/* The sessions that relays have told this process of: found by their sandbox. */
#ifndef SERVICES_STATE_SESSIONS_H
#define SERVICES_STATE_SESSIONS_H

#include "services/state/state.h"

/* A sandbox's connection, as its relay told of it. */
struct session {
	struct list link;
	struct id sandbox, instance;
	uint32_t epoch;
	struct peer *relay;
	uint64_t config_revision;  /* what it was given last */
	bool owed;		   /* something newer could not be sent yet */
	uint64_t secrets_revision; /* that it uses, or was sent; 0: none */
	bool secrets_owed;	   /* it may have to be sent others */
	struct list secrets_queue; /* in state->secrets_owed, unless some are on their way to it */
	struct delivery *delivery; /* on its way; NULL: nothing */
};

/* NULL: it is not connected here. */
struct session *session_find(struct state *state, struct id sandbox);

#endif
