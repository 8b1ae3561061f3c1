/* Names: an open hash table over texts. */
#include "common/policy/names.h"

#define ROOM_FIRST 16

/* FNV-1a, folded. What is put comes from the policy alone, so nobody else chooses collisions. */
static uint32_t
hash_of(struct span text)
{
	uint64_t hash = 0xcbf29ce484222325u;

	for (size_t i = 0; i < text.length; i++)
		hash = (hash ^ (uint8_t)text.at[i]) * 0x100000001b3u;
	return (uint32_t)(hash ^ hash >> 32);
}

static uint32_t
slot_of(const struct names *names, struct span text)
{
	uint32_t slot = hash_of(text) & (names->slots_n - 1);

	while (names->slots[slot] != 0 && !span_equal(names->texts[names->slots[slot] - 1], text))
		slot = (slot + 1) & (names->slots_n - 1);
	return slot;
}

static enum err
names_grow(struct names *names, struct why *why)
{
	uint32_t room = names->room == 0 ? ROOM_FIRST : names->room * 2;
	struct names next = *names;

	next.texts = arena_array(names->arena, room, sizeof(*next.texts));
	next.slots = arena_array(names->arena, room * 2u, sizeof(*next.slots));
	if (next.texts == NULL || next.slots == NULL)
		return fail(why, ERR_LIMIT, "the policy needs too much memory");
	next.room = room;
	next.slots_n = room * 2;
	for (uint32_t i = 0; i < names->n; i++) {
		next.texts[i] = names->texts[i];
		next.slots[slot_of(&next, next.texts[i])] = i + 1;
	}
	*names = next;
	return OK;
}

enum err
names_put(struct names *names, struct span text, uint32_t *out, struct why *why)
{
	uint32_t found = names_find(names, text);
	enum err r;

	if (found == NAMES_NONE) {
		if (names->n == names->room && (r = names_grow(names, why)) != OK)
			return r;
		if (arena_span(names->arena, text, &names->texts[names->n]) != OK)
			return fail(why, ERR_LIMIT, "the policy needs too much memory");
		names->slots[slot_of(names, text)] = names->n + 1;
		found = names->n++;
	}
	*out = found;
	return OK;
}

uint32_t
names_find(const struct names *names, struct span text)
{
	if (names->n == 0)
		return NAMES_NONE;
	return names->slots[slot_of(names, text)] - 1;
}
