/* The spool's bounds and counts, and the delays of backing off. */
#include "tests/unit/test.h"

#include <sodium.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/base/clean.h"
#include "common/bus/channel.h"
#include "common/os/file.h"
#include "sandbox/link/backoff.h"
#include "sandbox/link/spool.h"

static struct link link_;
static char text[8193];
static int memory = -1;

static struct msg_log_line
line_of(size_t length)
{
	return (struct msg_log_line){.source = SPAN("sandbox"), .level = SPAN("INFO"), .message = {text, length}};
}

static void
begin(int fd)
{
	struct why why = {0};

	link_.spool = (struct spool){0};
	if (spool_open(&link_.spool, fd, &why) != OK)
		fail_msg("%s", why.text);
}

static int
setup(void **unused)
{
	(void)unused;
	memset(text, 'x', sizeof(text));
	assert_int_equal(loop_new(&link_.loop, NULL), OK);
	assert_int_equal(memfd_fixed("spool", CHANNEL_SPOOL_BYTES, &memory, NULL), OK);
	begin(memory);
	return 0;
}

static int
teardown(void **unused)
{
	(void)unused;
	spool_done(&link_);
	clean_fd(&memory);
	loop_free(link_.loop);
	return 0;
}

/* Numbers and bytes from the oldest record on; returns how many records there are. */
static size_t
look(uint64_t *first, uint64_t *last, size_t *bytes_n)
{
	uint64_t at = 0, number = 0;
	struct span bytes;
	size_t n = 0;

	*bytes_n = 0;
	while (journal_read(&link_.spool.lines, &at, &number, &bytes)) {
		if (n++ == 0)
			*first = number;
		else
			assert_int_equal(number, *last + 1);
		*last = number;
		*bytes_n += bytes.length;
	}
	assert_int_equal(n, link_.spool.lines.records_n);
	return n;
}

/* Each line has a number; the oldest give way, and theirs are missing then. */
static void
lines_are_bounded(void **unused)
{
	const struct msg_log_line line = line_of(1);
	uint64_t first, last;
	size_t bytes;

	(void)unused;
	for (int i = 0; i < SPOOL_LINES_MAX; i++)
		spool_add(&link_.spool, &line);
	assert_int_equal(look(&first, &last, &bytes), SPOOL_LINES_MAX);
	for (int i = 0; i < 5; i++)
		spool_add(&link_.spool, &line);
	assert_int_equal(look(&first, &last, &bytes), SPOOL_LINES_MAX);
	assert_int_equal(first, 6);
	assert_int_equal(link_.spool.lines.head->next, SPOOL_LINES_MAX + 6);
}

/* Of any length, many times round. */
static void
bytes_are_bounded(void **unused)
{
	uint64_t first, last;
	size_t bytes;

	(void)unused;
	for (unsigned i = 0; i < 4000; i++) {
		const struct msg_log_line line = line_of(i * 2654435761u % 8193);

		spool_add(&link_.spool, &line);
	}
	look(&first, &last, &bytes);
	assert_int_equal(last, 4000);
	assert_in_range(bytes, CHANNEL_SPOOL_BYTES - 32768, CHANNEL_SPOOL_BYTES);
}

/* The next link goes on: same lines, same numbers, wherever in the memory they are; it asks from behind them what is wanted. */
static void
the_next_link_goes_on(void **unused)
{
	const struct msg_log_line line = line_of(3000);
	struct id id = link_.spool.lines.head->id;
	uint64_t first, last, first_then, last_then;
	size_t bytes;

	(void)unused;
	for (unsigned i = 0; i < 1000; i++) {
		spool_add(&link_.spool, &line);
		if (i % 50 != 0)
			continue;
		journal_skip(&link_.spool.lines, 1); /* dropped before it came here */
		while (journal_drop(&link_.spool.lines, i))
			continue;
		first = last = 0;
		look(&first, &last, &bytes);
		spool_done(&link_);
		begin(memory);
		first_then = last_then = 0;
		look(&first_then, &last_then, &bytes);
		assert_true(first == first_then && last == last_then);
		assert_true(id_equal(id, link_.spool.lines.head->id));
		assert_int_equal(link_.spool.lines.head->next, last + 2);
		assert_int_equal(link_.spool.wanted, last + 2);
	}
}

/* It died between the two: the newest line has a number already. */
static void
a_number_is_not_given_twice(void **unused)
{
	const struct msg_log_line line = line_of(3);

	(void)unused;
	spool_add(&link_.spool, &line);
	link_.spool.lines.head->next = 1;
	begin(memory);
	assert_int_equal(link_.spool.lines.head->next, 2);
}

/* Who wrote it may have been anybody: what is no journal is forgotten, and its numbers with it. */
static void
what_is_no_spool_is_forgotten(void **unused)
{
	static const struct {
		size_t at; /* 8 bytes there, of the memory */
		uint64_t value;
	} cases[] = {
	    {16, 0},			 /* next */
	    {16, 1ull << 53},		 /* ... past the largest */
	    {24, 1},			 /* begin, between records */
	    {24, 1ull << 40},		 /* ... behind the end */
	    {32, 1ull << 40},		 /* end, more than there is memory */
	    {32, 8},			 /* ... within a record */
	    {48, 9},			 /* number, behind the next one's */
	    {48, 1ull << 53},		 /* ... past the largest */
	    {56, 0},			 /* length: no message */
	    {56, 1u << 20},		 /* ... past the end */
	    {56, UINT64_MAX},		 /* ... that would overflow */
	    {64, 0x0101010101010101ull}, /* another message */
	};
	const struct msg_log_line line = line_of(100);

	(void)unused;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct id id = link_.spool.lines.head->id;

		spool_add(&link_.spool, &line);
		spool_add(&link_.spool, &line);
		memcpy((char *)link_.spool.lines.head + cases[i].at, &cases[i].value, sizeof(cases[i].value));
		spool_done(&link_);
		begin(memory);
		if (id_equal(id, link_.spool.lines.head->id) || link_.spool.lines.records_n != 0 ||
		    link_.spool.lines.head->next != 1)
			fail_msg("case %zu is taken for a spool", i);
	}
}

static void
memory_that_may_shrink_is_refused(void **unused)
{
	auto_fd int loose = memfd_create("loose", MFD_CLOEXEC | MFD_ALLOW_SEALING), small = -1;
	struct spool spool = {0};
	struct why why;

	(void)unused;
	assert_int_equal(ftruncate(loose, CHANNEL_SPOOL_BYTES), 0);
	assert_int_equal(spool_open(&spool, loose, &why), ERR_INVALID);
	assert_int_equal(memfd_fixed("small", CHANNEL_SPOOL_BYTES - 1, &small, NULL), OK);
	assert_int_equal(spool_open(&spool, small, &why), ERR_INVALID);
	assert_int_equal(spool_open(&spool, -1, &why), ERR_SYSTEM);
	assert_null(spool.lines.head);
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
	    cmocka_unit_test_setup_teardown(the_next_link_goes_on, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_number_is_not_given_twice, setup, teardown),
	    cmocka_unit_test_setup_teardown(what_is_no_spool_is_forgotten, setup, teardown),
	    cmocka_unit_test(memory_that_may_shrink_is_refused),
	    cmocka_unit_test(delays_double_up_to_two_seconds),
	    cmocka_unit_test(what_time_mends),
	};

	assert_true(sodium_init() >= 0);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
