/* The life cycle: which event takes a sandbox from which phase to which. A table, and nothing that does anything. */
#ifndef SERVICES_STATE_LIFECYCLE_H
#define SERVICES_STATE_LIFECYCLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum phase {
	PHASE_NONE,
	PHASE_PROVISIONING,
	PHASE_READY,
	PHASE_ERROR,
	PHASE_DELETING,
	PHASE_UNKNOWN,
	PHASE_STOPPING,
	PHASE_STOPPED,
	PHASE_STARTING,
	PHASE_COUNT
};

enum event {
	EVENT_BEGUN,	    /* the driver makes the instance */
	EVENT_RUNNING,	    /* the driver: it runs */
	EVENT_ENDED,	    /* the driver: it ended */
	EVENT_ENDED_OFTEN,  /* the same, once too often within a minute */
	EVENT_FAILED,	    /* the driver gave up */
	EVENT_GONE,	    /* the driver: nothing is left of it */
	EVENT_GONE_OFTEN,   /* the same, once too often within a minute */
	EVENT_SESSION_UP,   /* its supervisor is connected */
	EVENT_SESSION_BACK, /* the same, and it was ready before */
	EVENT_SESSION_DOWN, /* the connection is gone */
	EVENT_SESSION_LOST, /* the same, found after the gateway started */
	EVENT_READY,	    /* walls stand, the main process runs */
	EVENT_UNABLE,	    /* the supervisor cannot start it */
	EVENT_EXITED,	    /* the main process ended */
	EVENT_STOP,	    /* a client: stop, start, delete */
	EVENT_START,
	EVENT_DELETE,
	EVENT_COUNT
};

enum want { WANT_RUNNING = 1, WANT_STOPPED, WANT_DELETED };

enum effect {
	EFFECT_SAID = 1 << 0,	 /* reason and message are the sender's where it gave any */
	EFFECT_AGAIN = 1 << 1,	 /* a new epoch, counted as a restart */
	EFFECT_AFRESH = 1 << 2,	 /* a new epoch that a client asked for */
	EFFECT_READIED = 1 << 3, /* remember that this instance was ready */
	EFFECT_EXIT = 1 << 4,	 /* remember the exit code */
	EFFECT_REMOVE = 1 << 5,	 /* the row goes */
	EFFECT_NUDGE = 1 << 6,	 /* tell the driver once more */
	EFFECT_REFUSE = 1 << 7,	 /* ERR_STATE, with the message */
};

/* A row: in one of these phases (bits 1 << phase), this event leads there. */
struct step {
	uint32_t phases;
	enum event event;
	enum phase to; /* PHASE_NONE: stays */
	uint32_t effects;
	const char *ready; /* of the Ready condition; NULL: all three stay */
	const char *reason;
	const char *message;
};

extern const struct step lifecycle[];
extern const size_t lifecycle_n;

/* The row for it; NULL when the event changes nothing in that phase. */
const struct step *lifecycle_step(enum phase phase, enum event event);

/* What a driver should do in a phase. */
enum want lifecycle_want(enum phase phase);

const char *phase_name(enum phase phase);

#endif
