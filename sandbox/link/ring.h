/* A ring: the newest bytes of an output, found by their offset since it began. */
#ifndef LINK_RING_H
#define LINK_RING_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"

/* All zero is no ring. */
struct ring {
	char *at;
	size_t size;
	uint64_t end; /* offset behind the newest byte; the oldest kept is at end - size, or 0 */
};

/* size bytes that take memory only as they are written. ERR_SYSTEM when there is none. */
enum err ring_open(struct ring *ring, size_t size, struct why *why) must_check;
void ring_done(struct ring *ring);

void ring_put(struct ring *ring, const void *bytes, size_t length);

/*
 * Read from an offset on.
 *
 * *offset  where to begin; moved forward to the oldest byte that is kept, then behind what was read
 * returns  bytes read; 0: there are none behind *offset yet
 */
size_t ring_copy(const struct ring *ring, uint64_t *offset, char *to, size_t size);

#endif
