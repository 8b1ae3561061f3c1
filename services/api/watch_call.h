/* One WatchSandbox: what it waits for, and what waits for its reader. */
#ifndef API_WATCH_CALL_H
#define API_WATCH_CALL_H

#include "services/api/api.h"

struct watch_call {
	struct work work;
	struct numbered numbered;
	const Openshell__V1__WatchSandboxRequest *request;
	struct id sandbox;
	struct peer *state;   /* referenced */
	uint64_t question;    /* under way: the tail of the log, then the watch */
	struct list items;    /* for the reader, oldest first */
	size_t live_n, bytes; /* of those that are not of the tail */
	bool ending;	      /* the end follows the last item */
	uint8_t phase;	      /* of the last row, and its Ready reason: what an event has been told for */
	char reason[65];
};

/* ---- watch_items.c ---- */

/*
 * A sandbox's row as it is now: itself where status is followed (the snapshot always, and before all else), an event where
 * these are followed and it is a new one, and the end where it is due at READY.
 */
enum err watch_add_row(
    struct watch_call *watch, const struct msg_sandbox_row *row, bool snapshot, struct why *why) must_check;

/* Lines of its log; live: ERR_LIMIT when more waits for the reader than may. */
enum err watch_add_lines(
    struct watch_call *watch, const struct msg_log_line *lines, size_t n, bool live, struct why *why) must_check;

/* Send what the reader takes now; true: all is sent. */
bool watch_send(struct watch_call *watch);

void watch_items_free(struct watch_call *watch);

#endif
