/* Reconciling: what to do next, from what should be and what is; a table, so that it can be read and tested whole. */
#ifndef DRIVER_LOCAL_RECONCILE_H
#define DRIVER_LOCAL_RECONCILE_H

/* What state wants; the numbers of bus.def. */
enum want { WANT_UNKNOWN, WANT_RUNNING, WANT_STOPPED, WANT_DELETED, WANT_COUNT };

/* What there is of a sandbox. "The epoch" is the wanted one. */
enum have {
	HAVE_NOTHING,  /* not even a directory */
	HAVE_KEPT,     /* a directory with its workspace; the epoch never ran */
	HAVE_CHANGING, /* a box is being made, or files or groups removed: what comes of it will be looked at */
	HAVE_RUNNING,  /* a box of the epoch */
	HAVE_OTHER,    /* a box of another epoch */
	HAVE_ENDING,   /* asked to end, not gone yet */
	HAVE_ENDED,    /* the epoch ran and is over */
	HAVE_FAILED,   /* the epoch could not be started, and is not tried again */
	HAVE_COUNT
};

enum action {
	ACTION_WAIT, /* what goes on will come back here when it is done */
	ACTION_START,
	ACTION_TERMINATE, /* ask it to end, then kill it */
	ACTION_KILL,
	ACTION_REMOVE,
	ACTION_REPORT_RUNNING,
	ACTION_REPORT_ENDED,
	ACTION_REPORT_FAILED,
	ACTION_REPORT_GONE,
	ACTION_COUNT
};

/* WANT_UNKNOWN (the list has not come yet) waits. */
enum action reconcile(enum want want, enum have have);

#endif
