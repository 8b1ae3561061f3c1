/* A ring: the newest bytes of two outputs in the order they came, found by their offset since the first. Its memory is a
 * file's, so that who takes this process's place goes on with it. */
#ifndef LINK_RING_H
#define LINK_RING_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"

#define RING_MARKS 2048 /* changes between the two that are remembered */

/* From this offset on the bytes are of this channel. */
struct ring_mark {
	uint64_t offset;
	uint64_t channel;
};

/* The beginning of the memory. */
struct ring_head {
	uint64_t end;	  /* offset behind the newest byte; the oldest kept is at end - size, or 0 */
	uint64_t marks_n; /* since the beginning: the newest is at (marks_n - 1) % RING_MARKS */
	struct ring_mark marks[RING_MARKS];
};

#define RING_BYTES(size) (sizeof(struct ring_head) + (size)) /* of memory for a ring of so many bytes */

/* All zero is no ring. */
struct ring {
	struct ring_head *head;
	char *at;
	size_t size;
};

/*
 * Keep size bytes in the memory of fd (memfd_fixed, RING_BYTES of size at least; borrowed), which takes room as it is
 * written. Others hold it too: so it must be sealed against shrinking, or touching it could end us.
 *
 * errors  ERR_SYSTEM it is no such memory; ERR_INVALID it is too small, or can become so
 */
enum err ring_open(struct ring *ring, size_t size, int fd, struct why *why) must_check;
void ring_done(struct ring *ring);

void ring_put(struct ring *ring, uint8_t channel, const void *bytes, size_t length);

/* Offsets of the oldest byte that is kept, and of the one that comes next. */
uint64_t ring_oldest(const struct ring *ring);
uint64_t ring_end(const struct ring *ring);

/* Which channel the byte at that offset is of; 1 where that is not remembered. */
uint8_t ring_channel(const struct ring *ring, uint64_t offset);

/*
 * Read from an offset on, bytes of one channel.
 *
 * *offset  where to begin; moved forward to the oldest byte that is kept, then behind what was read
 * returns  bytes read; 0: there are none behind *offset yet
 */
size_t ring_copy(const struct ring *ring, uint64_t *offset, char *to, size_t size);

#endif
