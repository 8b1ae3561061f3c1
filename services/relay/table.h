/* Tables: chained hashing with the link inside the item; the owner computes hashes and compares keys. */
#ifndef RELAY_TABLE_H
#define RELAY_TABLE_H

#include <stddef.h>
#include <stdint.h>

/* Inside the item; all zero: in no table. */
struct table_entry {
	struct table_entry *next;
	uint64_t hash;
	int placed;
};

/* All zero is an empty table. */
struct table {
	struct table_entry **slots;
	size_t slots_n, count;
};

/* Put in an item that is in no table. */
void table_put(struct table *table, struct table_entry *entry, uint64_t hash);

/* Take it out; an entry that is in no table stays so. */
void table_remove(struct table *table, struct table_entry *entry);

/* The entries of one hash: the first, and the one behind; NULL at the end. */
struct table_entry *table_first(const struct table *table, uint64_t hash);
struct table_entry *table_next(const struct table_entry *entry);

/* Give the slots back; the items are their owners'. */
void table_done(struct table *table);

/* Spread the bits of a number over all 64. */
uint64_t table_mix(uint64_t number);

#define table_item(entry, type, member) ((type *)((char *)(entry)-offsetof(type, member)))

#endif
