/* The relay: all its state. Sessions of sandboxes on one side, callers (api) on the other, state above. */
#ifndef RELAY_RELAY_H
#define RELAY_RELAY_H

#include "common/bus/curve.h"
#include "common/bus/peer.h"
#include "services/relay/table.h"

#define SESSIONS_MAX		  20000
#define STRANGERS_MAX		  1000
#define STRANGER_MS		  10000 /* to enrol in */
#define ENROL_CHECKS_MAX	  64	/* under way at state at one time */
#define EXECS_MAX		  4096
#define EXECS_SANDBOX_MAX	  256
#define DOORS_MAX		  4096
#define DOORS_SANDBOX_MAX	  256
#define DOORS_OPENING_MAX	  256 /* not yet answered by their sandboxes */
#define DOORS_OPENING_SANDBOX_MAX 32
#define WINDOW_MAX		  (1u << 20) /* most credit that one end may give on one channel */

/* What passes through, and how much of each: see passage.h. */
enum passage_place { PASSAGE_EXEC, PASSAGE_DOOR, PASSAGE_KINDS };

struct passage_counts {
	unsigned open, starting; /* open: those that are starting among them */
};

/* What went wrong without harm, for the log at the end and for tests. */
struct relay_counts {
	uint64_t stray;	   /* messages for streams that are not (any more) */
	uint64_t breaches; /* streams ended because an end broke the rules */
	uint64_t late;	   /* strangers cut because they did not enrol */
};

struct relay {
	struct loop *loop;
	struct bus bus;
	struct curve *curve;
	struct peer *state; /* borrowed from the bus; there from the start, up when it is */

	struct list sessions;	 /* all that state knows of */
	struct list unannounced; /* enrolled, session_up not yet sent */
	struct list strangers;	 /* connected, not enrolled */
	struct table by_sandbox; /* the enrolled */
	size_t strangers_n;
	size_t checks_n; /* enrolments that state is looking at, at most ENROL_CHECKS_MAX */
	struct timer announce;

	struct table by_api, by_link; /* passages */
	struct passage_counts passages[PASSAGE_KINDS];
	uint64_t next_stream;
	struct relay_counts counts;
};

#endif
