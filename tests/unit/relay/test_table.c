/* The relay's table: thousands of items, equal hashes, items taken out in any order. */
#include "tests/unit/test.h"

#include "services/relay/table.h"

#define ITEMS 5000

struct item {
	struct table_entry entry;
	uint64_t key;
};

static struct item items[ITEMS];

/* Few hashes, so that many keys share one. */
static uint64_t
hash(uint64_t key)
{
	return table_mix(key % 700);
}

static struct item *
find(const struct table *table, uint64_t key)
{
	for (struct table_entry *e = table_first(table, hash(key)); e != NULL; e = table_next(e))
		if (table_item(e, struct item, entry)->key == key)
			return table_item(e, struct item, entry);
	return NULL;
}

static void
what_is_put_is_found(void **unused)
{
	struct table table = {0};

	(void)unused;
	assert_null(find(&table, 1));
	for (uint64_t i = 0; i < ITEMS; i++) {
		items[i].key = i;
		table_put(&table, &items[i].entry, hash(i));
	}
	assert_int_equal(table.count, ITEMS);
	for (uint64_t i = 0; i < ITEMS; i += 2)
		table_remove(&table, &items[i].entry);
	table_remove(&table, &items[0].entry); /* once more does nothing */
	assert_int_equal(table.count, ITEMS / 2);
	for (uint64_t i = 0; i < ITEMS; i++)
		assert_ptr_equal(find(&table, i), i % 2 == 0 ? NULL : &items[i]);
	assert_null(find(&table, ITEMS));
	table_put(&table, &items[0].entry, hash(0));
	assert_ptr_equal(find(&table, 0), &items[0]);
	table_done(&table);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(what_is_put_is_found)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
