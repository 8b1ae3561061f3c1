/* Pins, records and what is shown: bounds, and that the oldest goes and is counted. */
#include "tests/unit/test.h"

#include <stdio.h>

#include "sandbox/policyd/pin.h"
#include "sandbox/policyd/record.h"
#include "sandbox/policyd/show.h"

static const uint8_t first[HASH_BYTES] = {1}, second[HASH_BYTES] = {2};

static void
test_pins(void **unused)
{
	static struct pins pins;
	char path[32];
	struct why why;

	(void)unused;
	pins_init(&pins);
	assert_int_equal(pin_check(&pins, SPAN("/a"), first, true, &why), ERR_DENIED); /* unlinked, never seen (S9) */
	assert_int_equal(pin_check(&pins, SPAN("/a"), first, false, &why), OK);
	assert_int_equal(pin_check(&pins, SPAN("/a"), first, true, &why), OK);
	assert_int_equal(pin_check(&pins, SPAN("/a"), second, false, &why), ERR_CONFLICT);
	assert_non_null(strstr(why.text, "binary integrity check failed"));
	assert_int_equal(pin_check(&pins, SPAN("/aa"), second, false, &why), OK);
	for (int i = 2; i < PINS_MAX; i++) {
		snprintf(path, sizeof(path), "/many/%d", i);
		assert_int_equal(pin_check(&pins, span_of_text(path), first, false, &why), OK);
	}
	assert_int_equal(pin_check(&pins, SPAN("/one more"), first, false, &why), ERR_LIMIT);
	assert_int_equal(pin_check(&pins, SPAN("/a"), second, false, &why), ERR_CONFLICT); /* none is forgotten */
	pins_done(&pins);
}

static void
test_records(void **unused)
{
	static struct records records;
	static struct identities identities;
	struct why why = {"gone"};
	struct identity *one, *two;

	(void)unused;
	identities_init(&identities, NULL, NULL);
	records_init(&records, &identities);
	one = identity_fault(&identities, ERR_DENIED, &why);
	assert_ptr_equal(one, identity_fault(&identities, ERR_DENIED, &why)); /* alike are one */
	identity_unref(&identities, one);
	two = identity_fault(&identities, ERR_CONFLICT, &why);
	assert_ptr_not_equal(one, two);
	record_put(&records, 5, one, 1);
	record_put(&records, 5, two, 2); /* who connects last counts */
	assert_ptr_equal(record_find(&records, 5)->identity, two);
	assert_int_equal(record_find(&records, 5)->pid, 2);
	assert_int_equal(records.n, 1);
	for (uint64_t i = 0; i < RECORDS_MAX; i++)
		record_put(&records, 100 + i, one, 1);
	assert_int_equal(records.n, RECORDS_MAX);
	assert_null(record_find(&records, 5)); /* the oldest made room */
	assert_true(records.dropped == 0);     /* and had been asked for */
	record_put(&records, 6, one, 1);
	assert_null(record_find(&records, 100));
	assert_true(records.dropped == 1);
	record_put(&records, 100, one, 1);
	assert_non_null(record_find(&records, 100));
	record_drop(&records, 100);
	record_drop(&records, 100);
	assert_null(record_find(&records, 100));
	records_done(&records);
	identity_unref(&identities, one);
	identity_unref(&identities, two);
	assert_int_equal(identities.n, 0);
}

static void
test_show(void **unused)
{
	auto_arena struct arena arena = {0};

	(void)unused;
	assert_true(span_is(show_fit(SPAN("abc"), 3), "abc"));
	assert_true(span_is(show_fit(SPAN("abcd"), 3), "abc"));
	assert_true(span_is(show_fit(SPAN("ab\xc3\xa4"), 3), "ab")); /* not half a letter */
	assert_true(span_is(show_fit(SPAN("\xc3\xa4"), 1), ""));
	assert_true(span_is(show_path(SPAN("/usr/bin/\xc3\xa4"), &arena), "/usr/bin/\xc3\xa4"));
	assert_true(span_is(show_path(SPAN("/usr/bin/\xff"), &arena), "/usr/bin/\\xff"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_pins),
	    cmocka_unit_test(test_records),
	    cmocka_unit_test(test_show),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
