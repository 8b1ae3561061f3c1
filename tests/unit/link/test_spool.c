/* The spool's bounds and counts, and the delays of backing off. */
#include "tests/unit/test.h"

#include <sodium.h>
#include <stdio.h>

#include "sandbox/link/backoff.h"
#include "sandbox/link/spool.h"

static struct link link_;
static char text[8193];

static struct msg_log_line
line_of(size_t length)
{
	return (struct msg_log_line){.source = SPAN("sandbox"), .level = SPAN("INFO"), .message = {text, length}};
}

static int
setup(void **unused)
{
	(void)unused;
	memset(text, 'x', sizeof(text));
	assert_int_equal(loop_new(&link_.loop, NULL), OK);
	link_.spool = (struct spool){0};
	spool_init(&link_.spool);
	return 0;
}

static int
teardown(void **unused)
{
	(void)unused;
	spool_done(&link_);
	assert_int_equal(link_.spool.lines_n, 0);
	assert_int_equal(link_.spool.bytes, 0);
	loop_free(link_.loop);
	return 0;
}

/* Each line has a number; the oldest give way, and theirs are missing then. */
static void
lines_are_bounded(void **unused)
{
	const struct msg_log_line line = line_of(1);

	(void)unused;
	for (int i = 0; i < SPOOL_LINES_MAX; i++)
		spool_add(&link_.spool, &line);
	assert_int_equal(link_.spool.lines_n, SPOOL_LINES_MAX);
	for (int i = 0; i < 5; i++)
		spool_add(&link_.spool, &line);
	assert_int_equal(link_.spool.lines_n, SPOOL_LINES_MAX);
	assert_int_equal(link_.spool.next, SPOOL_LINES_MAX + 6);
}

static void
bytes_are_bounded(void **unused)
{
	const struct msg_log_line line = line_of(8192);

	(void)unused;
	for (int i = 0; i < 1000; i++)
		spool_add(&link_.spool, &line);
	assert_in_range(link_.spool.bytes, SPOOL_BYTES_MAX - 9000, SPOOL_BYTES_MAX);
	assert_int_equal(link_.spool.next, 1001);
}

static void
delays_double_up_to_two_seconds(void **unused)
{
	static const uint32_t want[] = {50, 100, 200, 400, 800, 1600, 2000, 2000, 2000};

	(void)unused;
	for (int round = 0; round < 200; round++) {
		uint32_t delay = 0;

		for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
			uint32_t next = backoff_next(&delay);

			assert_int_equal(delay, want[i]);
			assert_in_range(next, want[i] / 2, want[i]);
		}
	}
}

static void
what_time_mends(void **unused)
{
	static const enum err mends[] = {ERR_UNAVAILABLE, ERR_TIMEOUT, ERR_LIMIT, ERR_BUSY, ERR_INTERNAL, ERR_SYSTEM};
	static const enum err stays[] = {
	    OK, ERR_DENIED, ERR_CONFLICT, ERR_NOT_FOUND, ERR_STATE, ERR_INVALID, ERR_PROTOCOL};

	(void)unused;
	for (size_t i = 0; i < sizeof(mends) / sizeof(mends[0]); i++)
		assert_true(backoff_helps(mends[i]));
	for (size_t i = 0; i < sizeof(stays) / sizeof(stays[0]); i++)
		assert_false(backoff_helps(stays[i]));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(lines_are_bounded, setup, teardown),
	    cmocka_unit_test_setup_teardown(bytes_are_bounded, setup, teardown),
	    cmocka_unit_test(delays_double_up_to_two_seconds),
	    cmocka_unit_test(what_time_mends),
	};

	assert_true(sodium_init() >= 0);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
