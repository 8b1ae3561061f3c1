/* Slots: a number means one thing only, also when its place is used again. */
#include "tests/unit/test.h"

#include "common/base/slots.h"

static void
a_number_that_is_over_finds_nothing(void **unused)
{
	struct slots slots = {0};
	int a, b;
	uint64_t first = slots_put(&slots, &a), second;

	(void)unused;
	assert_int_not_equal(first, 0);
	assert_ptr_equal(slots_get(&slots, first), &a);
	assert_ptr_equal(slots_take(&slots, first), &a);
	assert_null(slots_take(&slots, first));
	second = slots_put(&slots, &b); /* the same place */
	assert_int_equal((uint32_t)second, (uint32_t)first);
	assert_int_not_equal(second, first);
	assert_null(slots_get(&slots, first));
	assert_ptr_equal(slots_get(&slots, second), &b);
	slots_done(&slots);
}

static void
numbers_that_were_never_given_find_nothing(void **unused)
{
	struct slots slots = {0};
	int a;

	(void)unused;
	assert_null(slots_get(&slots, 0));
	assert_null(slots_get(&slots, 1));
	(void)slots_put(&slots, &a);
	assert_null(slots_get(&slots, 0));
	assert_null(slots_get(&slots, UINT64_MAX));
	assert_null(slots_get(&slots, 17)); /* past the room */
	slots_done(&slots);
}

static void
many_grow(void **unused)
{
	struct slots slots = {0};
	static int items[1000];
	static uint64_t numbers[1000];

	(void)unused;
	for (int i = 0; i < 1000; i++)
		numbers[i] = slots_put(&slots, &items[i]);
	for (int i = 0; i < 1000; i += 2)
		assert_ptr_equal(slots_take(&slots, numbers[i]), &items[i]);
	for (int i = 0; i < 1000; i++)
		assert_ptr_equal(slots_get(&slots, numbers[i]), i % 2 == 0 ? NULL : &items[i]);
	slots_done(&slots);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_number_that_is_over_finds_nothing),
	    cmocka_unit_test(numbers_that_were_never_given_find_nothing),
	    cmocka_unit_test(many_grow),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
