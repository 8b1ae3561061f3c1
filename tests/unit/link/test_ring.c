/* The ring: what is kept, what is gone, and reading on from an offset. */
#include "tests/unit/test.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/base/clean.h"
#include "common/os/file.h"
#include "sandbox/link/ring.h"

static int
memory(size_t size)
{
	int fd = -1;

	assert_int_equal(memfd_fixed("ring", RING_BYTES(size), &fd, NULL), OK);
	return fd;
}

static void
ring_begin(struct ring *ring, size_t size)
{
	int fd = memory(size);

	assert_int_equal(ring_open(ring, size, fd, NULL), OK);
	close(fd);
}

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
	ring_begin(&ring, 8);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint64_t offset = cases[i].from;
		size_t n;

		ring_put(&ring, 1, cases[i].add, strlen(cases[i].add));
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
	ring_begin(&ring, 8);
	ring_put(&ring, 1, "0123456789", 10);
	for (const char *want = "23456789"; *want != '\0'; want++) {
		assert_int_equal(ring_copy(&ring, &offset, &byte, 1), 1);
		assert_int_equal(byte, *want);
	}
	assert_int_equal(ring_copy(&ring, &offset, &byte, 1), 0);
	ring_done(&ring);
}

/* Pieces of one channel each, in the order they came. */
static void
expect_pieces(const struct ring *ring, uint64_t offset, const char *want)
{
	char got[256], bytes[64];
	size_t n, length = 0;

	for (;;) {
		uint8_t channel = ring_channel(ring, offset < ring_oldest(ring) ? ring_oldest(ring) : offset);

		if ((n = ring_copy(ring, &offset, bytes, sizeof(bytes))) == 0)
			break;
		length += (size_t)snprintf(got + length, sizeof(got) - length, "%u:%.*s ", channel, (int)n, bytes);
	}
	got[length] = '\0';
	assert_string_equal(got, want);
}

static void
two_outputs_stay_apart(void **unused)
{
	struct ring ring = {0};

	(void)unused;
	ring_begin(&ring, 16);
	expect_pieces(&ring, 0, "");
	ring_put(&ring, 1, "out", 3);
	ring_put(&ring, 1, "put", 3);
	ring_put(&ring, 2, "err", 3);
	ring_put(&ring, 2, "", 0);
	ring_put(&ring, 1, "", 0); /* nothing was written: nothing changes */
	ring_put(&ring, 2, "ors", 3);
	expect_pieces(&ring, 0, "1:output 2:errors ");
	ring_put(&ring, 1, "more", 4);
	expect_pieces(&ring, 0, "1:output 2:errors 1:more ");
	expect_pieces(&ring, 7, "2:rrors 1:more ");
	ring_put(&ring, 2, "1234567", 7); /* the oldest are gone: in the middle of the errors */
	expect_pieces(&ring, 0, "2:rrors 1:more 2:1234567 ");
	ring_done(&ring);
}

/* Where more changes were made than are remembered, the oldest bytes count as output. */
static void
changes_are_remembered_up_to_a_number(void **unused)
{
	struct ring ring = {0};
	uint64_t offset = 0;
	char bytes[8192];

	(void)unused;
	ring_begin(&ring, 8192);
	for (int i = 0; i < 2 * RING_MARKS; i++)
		ring_put(&ring, i % 2 == 0 ? 2 : 1, "x", 1);
	assert_int_equal(ring_copy(&ring, &offset, bytes, sizeof(bytes)), RING_MARKS);
	assert_int_equal(ring_channel(&ring, 0), 1);
	for (int i = 0; i < RING_MARKS; i++) {
		assert_int_equal(ring_channel(&ring, offset), i % 2 == 0 ? 2 : 1);
		assert_int_equal(ring_copy(&ring, &offset, bytes, sizeof(bytes)), 1);
	}
	assert_int_equal(ring_copy(&ring, &offset, bytes, sizeof(bytes)), 0);
	ring_done(&ring);
}

/* The memory goes on in another process, and only in one that means the same by it. */
static void
another_goes_on_with_the_memory(void **unused)
{
	struct ring first = {0}, second = {0};
	int fd = memory(16);
	struct why why = {0};

	(void)unused;
	assert_int_equal(ring_open(&first, 16, fd, NULL), OK);
	ring_put(&first, 1, "out", 3);
	ring_put(&first, 2, "err", 3);
	ring_done(&first);
	assert_int_equal(ring_open(&second, 17, fd, &why), ERR_INVALID);
	assert_null(second.head);
	assert_int_equal(ring_open(&second, 16, fd, NULL), OK);
	ring_put(&second, 2, "ors", 3);
	expect_pieces(&second, 0, "1:out 2:errors ");
	ring_done(&second);
	close(fd);
	assert_int_equal(ring_open(&second, 16, fd, &why), ERR_SYSTEM);
}

/* Who has held the memory before cannot take it from under us: what could be shrunk is not touched. */
static void
memory_that_may_shrink_is_refused(void **unused)
{
	static const struct {
		off_t size;
		int seals;
		enum err want;
	} rows[] = {
	    {RING_BYTES(16), F_SEAL_SHRINK, OK}, {RING_BYTES(16) + 1, F_SEAL_SHRINK | F_SEAL_GROW, OK},
	    {RING_BYTES(16), 0, ERR_INVALID}, {RING_BYTES(16), F_SEAL_GROW, ERR_INVALID},
	    {RING_BYTES(16) - 1, F_SEAL_SHRINK, ERR_INVALID}, {0, F_SEAL_SHRINK, ERR_INVALID},
	    {RING_BYTES(16), F_SEAL_SHRINK | F_SEAL_WRITE, ERR_SYSTEM}, /* it cannot be mapped */
	};
	auto_fd int fixed = memory(16);

	(void)unused;
	for (size_t i = 0; i < COUNT(rows); i++) {
		auto_fd int fd = memfd_create("ring", MFD_CLOEXEC | MFD_ALLOW_SEALING);
		struct ring ring = {0};
		struct why why;

		assert_int_equal(ftruncate(fd, rows[i].size), 0);
		assert_int_equal(fcntl(fd, F_ADD_SEALS, rows[i].seals), 0);
		assert_int_equal(ring_open(&ring, 16, fd, &why), rows[i].want);
		ring_done(&ring);
	}
	assert_int_equal(ftruncate(fixed, 1), -1);
	assert_int_equal(ftruncate(fixed, RING_BYTES(17)), -1);
	assert_int_equal(fcntl(fixed, F_ADD_SEALS, F_SEAL_WRITE), -1);
}

/* Whatever the memory holds, reading stays within it and comes to an end. */
static void
memory_that_lies_does_no_harm(void **unused)
{
	static const uint64_t odd[] = {0, 1, 7, 8, 9, 1ull << 32, UINT64_MAX - 1, UINT64_MAX};
	char bytes[64];

	(void)unused;
	for (size_t i = 0; i < 8 * 8 * 8; i++) {
		struct ring ring = {0};
		uint64_t offset = 0;
		int turns = 0;

		ring_begin(&ring, 8);
		ring.head->end = odd[i % 8];
		ring.head->marks_n = odd[i / 8 % 8];
		for (size_t j = 0; j < RING_MARKS; j++)
			ring.head->marks[j] = (struct ring_mark){odd[(i / 64 + j) % 8], odd[j % 8]};
		while (ring_copy(&ring, &offset, bytes, sizeof(bytes)) > 0)
			assert_true(turns++ < 64);
		ring_done(&ring);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_newest_bytes_are_kept),
	    cmocka_unit_test(a_small_buffer_reads_piece_by_piece),
	    cmocka_unit_test(two_outputs_stay_apart),
	    cmocka_unit_test(changes_are_remembered_up_to_a_number),
	    cmocka_unit_test(another_goes_on_with_the_memory),
	    cmocka_unit_test(memory_that_may_shrink_is_refused),
	    cmocka_unit_test(memory_that_lies_does_no_harm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
