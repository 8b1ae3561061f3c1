/* Names: one address for each, and none for two at the same time. */
#include "tests/unit/test.h"

#include <stdio.h>
#include <string.h>

#include "sandbox/proxy/names.h"

#define MINUTES_2 120000u

static struct names *names;
static struct why why;

static int
setup(void **unused)
{
	(void)unused;
	names = names_new();
	return 0;
}

static int
teardown(void **unused)
{
	(void)unused;
	names_free(names);
	return 0;
}

static struct address
give(const char *name, uint64_t now_ms, bool want_fresh)
{
	struct address address;
	bool fresh;

	assert_int_equal(names_give(names, name, now_ms, &address, &fresh, &why), OK);
	assert_int_equal(fresh, want_fresh);
	assert_true(names_synthetic(&address));
	return address;
}

static bool
same(const struct address *a, const struct address *b)
{
	return a->length == b->length && memcmp(a->bytes, b->bytes, a->length) == 0;
}

static void
a_name_keeps_its_address(void **unused)
{
	struct address a = give("a.test", 0, true), b = give("b.test", 0, true), again = give("a.test", 5, false);
	struct name *name = names_use(names, &a);

	(void)unused;
	assert_true(same(&a, &again));
	assert_false(same(&a, &b));
	assert_string_equal(name_text(name), "a.test");
	names_release(names, name);
}

static void
fill(uint64_t now_ms)
{
	char text[32];

	for (int i = 0; i < NAMES_MAX; i++) {
		snprintf(text, sizeof(text), "n%d.test", i);
		(void)give(text, now_ms, true);
	}
}

static void
a_full_table_refuses_until_an_answer_is_out_of_date(void **unused)
{
	struct address address = {.length = 0}, later;
	bool fresh;

	(void)unused;
	fill(0);
	assert_int_equal(names_give(names, "more.test", NAMES_TTL_S * 1000u, &address, &fresh, &why), ERR_LIMIT);
	assert_int_equal(address.length, 0);
	later = give("more.test", MINUTES_2, true);
	assert_int_equal(later.bytes[3], (NAMES_MAX + 1) % 256); /* not an address that was used */
	assert_int_equal(names_count(names), NAMES_MAX);
}

static void
a_name_in_use_is_not_replaced(void **unused)
{
	struct address first;
	struct name *name;
	bool fresh;

	(void)unused;
	fill(0);
	for (int i = 1; i < NAMES_MAX; i++) {
		char text[32];

		snprintf(text, sizeof(text), "n%d.test", i);
		(void)give(text, MINUTES_2, false); /* asked for again: all but n0 */
	}
	first = give("n0.test", 0, false);
	name = names_use(names, &first);
	assert_int_equal(names_give(names, "more.test", MINUTES_2 + 1, &first, &fresh, &why), ERR_LIMIT);
	names_release(names, name);
	(void)give("more.test", MINUTES_2 + 1, true);
}

static const struct {
	uint8_t bytes[4];
	const char *name;
	bool taken;
} kept[] = {
    {{198, 18, 0, 7}, "a.test", true},
    {{198, 18, 0, 7}, "b.test", false},	    /* the address is taken */
    {{198, 18, 0, 8}, "a.test", false},	    /* the name has one */
    {{198, 18, 0, 0}, "c.test", false},	    /* the network's own */
    {{198, 19, 255, 255}, "c.test", false}, /* the last */
    {{198, 19, 255, 254}, "c.test", true},
    {{198, 20, 0, 1}, "d.test", false},
    {{10, 0, 0, 1}, "d.test", false},
};

static void
names_of_an_earlier_proxy_are_taken_where_they_fit(void **unused)
{
	(void)unused;
	for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
		struct address address = {.length = 4};

		memcpy(address.bytes, kept[i].bytes, 4);
		assert_int_equal(names_restore(names, &address, kept[i].name, 0), kept[i].taken);
	}
	assert_int_equal(give("new.test", 0, true).bytes[3], 1); /* behind the last one: the wheel goes round */
}

static void
what_was_not_given_stands_for_nothing(void **unused)
{
	struct address v6 = {.length = 16, .bytes = {198, 18, 0, 1}}, v4 = {.length = 4, .bytes = {198, 18, 0, 1}};

	(void)unused;
	assert_null(names_use(names, &v4));
	(void)give("a.test", 0, true);
	assert_null(names_use(names, &v6));
	assert_non_null(names_use(names, &v4));
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
	    TEST(a_name_keeps_its_address),
	    TEST(a_full_table_refuses_until_an_answer_is_out_of_date),
	    TEST(a_name_in_use_is_not_replaced),
	    TEST(names_of_an_earlier_proxy_are_taken_where_they_fit),
	    TEST(what_was_not_given_stands_for_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
