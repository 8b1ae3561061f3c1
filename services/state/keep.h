/* Kept messages: a request that outlives its handler, because another process is asked first. */
#ifndef SERVICES_STATE_KEEP_H
#define SERVICES_STATE_KEEP_H

#include "common/bus/peer.h"

/* A copy of a message, and memory for what is made of it. */
struct kept {
	struct msg m; /* borrows from bytes and arena */
	struct arena arena;
	char *bytes;
	size_t room;
};

/* Copy it. ERR_LIMIT the arena's ceiling; then there is nothing to free. */
enum err kept_take(struct kept *kept, const struct msg *m, struct why *why) must_check;

/* Wipe and free: a message may hold what only a sandbox is to know. */
void kept_free(struct kept *kept);

#endif
