/* Tables: chained hashing that doubles when it is full. */
#include "services/relay/table.h"

#include <assert.h>
#include <stdlib.h>

#define SLOTS_FIRST 64 /* a power of two, as all sizes are */

/* The finaliser of MurmurHash3: every bit of the number moves half of the others. */
uint64_t
table_mix(uint64_t number)
{
	number ^= number >> 33;
	number *= 0xff51afd7ed558ccdull;
	number ^= number >> 33;
	number *= 0xc4ceb9fe1a85ec53ull;
	return number ^ number >> 33;
}

static struct table_entry **
slot_of(const struct table *table, uint64_t hash)
{
	return &table->slots[hash & (table->slots_n - 1)];
}

static void
grow(struct table *table)
{
	struct table bigger = {.slots_n = table->slots_n == 0 ? SLOTS_FIRST : table->slots_n * 2};

	if ((bigger.slots = calloc(bigger.slots_n, sizeof(struct table_entry *))) == NULL)
		abort();
	for (size_t i = 0; i < table->slots_n; i++)
		for (struct table_entry *entry = table->slots[i], *next; entry != NULL; entry = next) {
			struct table_entry **slot = slot_of(&bigger, entry->hash);

			next = entry->next;
			entry->next = *slot;
			*slot = entry;
		}
	free(table->slots);
	table->slots = bigger.slots;
	table->slots_n = bigger.slots_n;
}

void
table_put(struct table *table, struct table_entry *entry, uint64_t hash)
{
	struct table_entry **slot;

	assert(!entry->placed);
	if (table->count == table->slots_n)
		grow(table);
	slot = slot_of(table, hash);
	*entry = (struct table_entry){.next = *slot, .hash = hash, .placed = 1};
	*slot = entry;
	table->count++;
}

void
table_remove(struct table *table, struct table_entry *entry)
{
	struct table_entry **at;

	if (!entry->placed)
		return;
	for (at = slot_of(table, entry->hash); *at != entry; at = &(*at)->next)
		;
	*at = entry->next;
	*entry = (struct table_entry){0};
	table->count--;
}

struct table_entry *
table_first(const struct table *table, uint64_t hash)
{
	struct table_entry *entry = table->slots_n == 0 ? NULL : *slot_of(table, hash);

	while (entry != NULL && entry->hash != hash)
		entry = entry->next;
	return entry;
}

struct table_entry *
table_next(const struct table_entry *entry)
{
	struct table_entry *next = entry->next;

	while (next != NULL && next->hash != entry->hash)
		next = next->next;
	return next;
}

void
table_done(struct table *table)
{
	free(table->slots);
	*table = (struct table){0};
}
