/* Kept processes: link, policyd and proxy. Each has a channel to here, is watched, and is started again when it ends. */
#ifndef SANDBOX_SUPERVISOR_KEPT_H
#define SANDBOX_SUPERVISOR_KEPT_H

#include "common/bus/peer.h"
#include "common/os/child.h"

struct kept {
	const char *name; /* of its program in the bundle */
	enum role role;
	struct bus *bus;
	void *self;					/* handed to these: */
	enum err (*ready)(void *self, struct why *why); /* may it be started? An error: no, and never */
	enum err (*greet)(void *self, struct why *why); /* it runs: tell it what it must know */
	void (*gone)(void *self);			/* its channel is gone; NULL: nothing to do */
	bool (*ended)(void *self, int code);		/* it ended; false: not to be started again. NULL: always */

	struct child child;
	struct peer *peer; /* borrowed; NULL while it is away */
	bool told;	   /* it has had its first message: others may follow */
	bool over;	   /* not to be started again */
	uint64_t started_ms;
	uint32_t delay_ms;
	struct timer again;
};

/* Start it; the upper half is filled in, the rest zero. ERR_SYSTEM when it cannot be started, or as greet. */
enum err kept_start(struct kept *kept, struct why *why) must_check;

/* Its channel broke: it is ending, and soon ended; it is started again when it has. Nothing where it has none. */
void kept_down(struct kept *kept);

/* It is of no use: end it at once, and start it again. */
void kept_renew(struct kept *kept);

/* End it for good. */
void kept_stop(struct kept *kept);

#endif
