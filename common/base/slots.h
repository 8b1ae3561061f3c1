/* Slots: numbers for things that are under way, so that one that is over is found to be over and nothing else. */
#ifndef COMMON_BASE_SLOTS_H
#define COMMON_BASE_SLOTS_H

#include <stddef.h>
#include <stdint.h>

struct slot {
	void *item; /* NULL: free */
	uint32_t life;
	uint32_t next_free; /* counted from 1; 0: the last */
};

/* All zero: empty. */
struct slots {
	struct slot *at;
	uint32_t room, free;
};

/* A number for the item, never 0 and not one that was given before (until 2^32 have used the same slot). */
uint64_t slots_put(struct slots *slots, void *item);

/* The item, or NULL when it was taken. */
void *slots_get(const struct slots *slots, uint64_t number);

/* The item, which has no number from here on; NULL when it had none. */
void *slots_take(struct slots *slots, uint64_t number);

void slots_done(struct slots *slots);

#endif
