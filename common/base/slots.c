/* Slots: an array with a chain of its free places; the upper half of a number is how often its place was used. */
#include "common/base/slots.h"

#include <stdlib.h>

static void
grow(struct slots *slots)
{
	uint32_t room = slots->room == 0 ? 16 : slots->room * 2;

	if ((slots->at = reallocarray(slots->at, room, sizeof(*slots->at))) == NULL)
		abort();
	for (uint32_t i = room; i > slots->room; i--) {
		slots->at[i - 1] = (struct slot){.next_free = slots->free};
		slots->free = i;
	}
	slots->room = room;
}

uint64_t
slots_put(struct slots *slots, void *item)
{
	struct slot *slot;
	uint32_t place;

	if (slots->free == 0)
		grow(slots);
	place = slots->free;
	slot = &slots->at[place - 1];
	slots->free = slot->next_free;
	slot->item = item;
	slot->life++;
	return (uint64_t)slot->life << 32 | place;
}

void *
slots_get(const struct slots *slots, uint64_t number)
{
	uint32_t place = (uint32_t)number;

	if (place == 0 || place > slots->room || slots->at[place - 1].life != number >> 32)
		return NULL;
	return slots->at[place - 1].item;
}

void *
slots_take(struct slots *slots, uint64_t number)
{
	void *item = slots_get(slots, number);
	uint32_t place = (uint32_t)number;

	if (item == NULL)
		return NULL;
	slots->at[place - 1].item = NULL;
	slots->at[place - 1].next_free = slots->free;
	slots->free = place;
	return item;
}

void
slots_done(struct slots *slots)
{
	free(slots->at);
	*slots = (struct slots){0};
}
