/* Changes: the one way a sandbox's row is written after its creation: an event, the life cycle's table, a transaction. */
#ifndef SERVICES_STATE_CHANGE_H
#define SERVICES_STATE_CHANGE_H

#include "services/state/lifecycle.h"
#include "services/state/state.h"

#define RESTARTS_MAX	   5 /* by themselves, within */
#define RESTARTS_WINDOW_MS 60000

/* What happened to which sandbox. Fill in what is known; all else zero. */
struct change {
	struct state *state;
	enum event event;
	struct id sandbox; /* by id; none: by name */
	struct span workspace, name;
	uint32_t epoch;	    /* what happened to another start is passed over; 0: any */
	struct id instance; /* the same */
	const char *driver; /* roster name of the driver that says so; NULL: not a driver */
	const char *relay;  /* roster name of the relay that holds its session; NULL: not a relay */
	struct span reason, message;
	const struct span *walls; /* NULL: not told */
	size_t walls_n;
	uint16_t exit_code;
	uint32_t policy_version; /* in force; 0: not told */
	struct span subject;
	const char *action;	/* for the audit: a client asked for it; NULL: an observation */
	struct id found;	/* out: which it was */
	uint32_t current_epoch; /* out: its start after the change */
	bool stale;		/* out: it was for another start and changed nothing */
	bool wanted;		/* out: it was for the start that counts, and that should run */
};

/*
 * Carry it out in one transaction; durable when a client asked.
 *
 * errors  ERR_NOT_FOUND; ERR_STATE not in this phase; ERR_UNAVAILABLE
 */
enum err change_run(struct change *change, struct why *why) must_check;

#endif
