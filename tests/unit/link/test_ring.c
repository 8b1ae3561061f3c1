/* The ring: what is kept, what is gone, and reading on from an offset. */
#include "tests/unit/test.h"

#include <string.h>

#include "sandbox/link/ring.h"

static void
the_newest_bytes_are_kept(void **unused)
{
	static const struct {
		const char *add; /* after what was added before */
		uint64_t from;	 /* where to read */
		const char *want;
		uint64_t behind; /* offset afterwards */
	} cases[] = {
	    {"", 0, "", 0}, {"abc", 0, "abc", 3}, {"", 3, "", 3}, {"", 1, "bc", 3},
	    {"defgh", 0, "abcdefgh", 8},		 /* full to the last byte */
	    {"i", 0, "bcdefghi", 9},			 /* the oldest is gone */
	    {"", 7, "hi", 9}, {"", 20, "", 20},		 /* nothing there yet */
	    {"0123456789ABCDEFGHIJ", 9, "CDEFGHIJ", 29}, /* more than it holds */
	};
	struct ring ring = {0};
	char bytes[16];

	(void)unused;
	assert_int_equal(ring_open(&ring, 8, NULL), OK);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint64_t offset = cases[i].from;
		size_t n;

		ring_put(&ring, cases[i].add, strlen(cases[i].add));
		n = ring_copy(&ring, &offset, bytes, sizeof(bytes));
		assert_int_equal(n, strlen(cases[i].want));
		assert_memory_equal(bytes, cases[i].want, n);
		assert_int_equal(offset, cases[i].behind);
	}
	ring_done(&ring);
	ring_done(&ring);
}

static void
a_small_buffer_reads_piece_by_piece(void **unused)
{
	struct ring ring = {0};
	uint64_t offset = 0;
	char byte;

	(void)unused;
	assert_int_equal(ring_open(&ring, 8, NULL), OK);
	ring_put(&ring, "0123456789", 10);
	for (const char *want = "23456789"; *want != '\0'; want++) {
		assert_int_equal(ring_copy(&ring, &offset, &byte, 1), 1);
		assert_int_equal(byte, *want);
	}
	assert_int_equal(ring_copy(&ring, &offset, &byte, 1), 0);
	ring_done(&ring);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_newest_bytes_are_kept),
	    cmocka_unit_test(a_small_buffer_reads_piece_by_piece),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
