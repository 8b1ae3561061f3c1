/* Parcels, relative paths and sums: tables of bytes and texts, half of them wrong. */
#include "tests/unit/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clean.h"
#include "common/base/text.h"
#include "common/transfer/parcel.h"
#include "common/transfer/relative.h"

#define ENTRY(kind, again, mode, ns, size, rest) kind again mode "\0\0\0\0\0\0\0\x7" ns size rest
#define SIZE_0					 "\0\0\0\0\0\0\0\0"
#define SIZE_9					 "\0\0\0\0\0\0\0\x9"
#define B(text)					 text, sizeof(text) - 1

static const struct {
	const char *bytes;
	size_t length;
	enum err want;
	size_t used;
} cases[] = {
    {B(""), ERR_MORE, 0}, {B("\1"), ERR_MORE, 0}, {B("\0"), ERR_PROTOCOL, 0},
    {B("\x0d"), ERR_PROTOCOL, 0}, /* one past the last type */
    {B("\1\0\0\0\1"), ERR_MORE, 0}, {B("\1\0\0\0\1\1"), OK, 6}, {B("\1\0\0\0\1\1\1"), OK, 6}, /* the next one follows */
    {B("\1\0\0\0\2\1\1"), ERR_PROTOCOL, 0},				      /* a byte too many in it */
    {B("\1\0\0\0\0"), ERR_PROTOCOL, 0},					      /* one too few */
    {B("\2\0\0\0\4\0\2no"), OK, 9}, {B("\2\0\0\0\4\0\3no"), ERR_PROTOCOL, 0}, /* a text longer than its parcel */
    {B("\2\0\0\0\4\0\1no"), ERR_PROTOCOL, 0},				      /* shorter */
    {B("\2\0\0\x21\0"), ERR_PROTOCOL, 0},				      /* longer than any */
    {B("\3\0\0\0\3\1\0\0"), OK, 8}, {B("\3\0\0\0\3\2\0\0"), ERR_PROTOCOL, 0}, /* a flag of 2 */
    {B("\5\0\0\0\x1e" ENTRY("\1", "\0", "\1\xff", "\0\0\0\1", SIZE_9, "\0\2ab\0\0")), OK, 35},
    {B("\5\0\0\0\x1e" ENTRY("\1", "\0", "\2\x00", "\0\0\0\1", SIZE_9, "\0\2ab\0\0")), ERR_PROTOCOL, 0}, /* mode 01000 */
    {B("\5\0\0\0\x1e" ENTRY("\0", "\0", "\1\xff", "\0\0\0\1", SIZE_9, "\0\2ab\0\0")), ERR_PROTOCOL, 0}, /* no kind */
    {B("\5\0\0\0\x1e" ENTRY("\5", "\0", "\1\xff", "\0\0\0\1", SIZE_0, "\0\2ab\0\0")), ERR_PROTOCOL,
	0}, /* nor such a one: a device, say */
    {B("\5\0\0\0\x1e" ENTRY("\2", "\0", "\1\xff", "\0\0\0\1", SIZE_9, "\0\2ab\0\0")), ERR_PROTOCOL,
	0}, /* a directory of 9 bytes */
    {B("\5\0\0\0\x1e" ENTRY("\2", "\0", "\1\xff", "\0\0\0\1", SIZE_0, "\0\2ab\0\0")), OK, 35},
    {B("\5\0\0\0\x1e" ENTRY("\4", "\0", "\1\xff", "\0\0\0\1", SIZE_0, "\0\2ab\0\0")), ERR_PROTOCOL,
	0}, /* a link to nothing */
    {B("\5\0\0\0\x1e" ENTRY("\4", "\0", "\1\xff", "\0\0\0\1", SIZE_0, "\0\1a\0\1b")), OK, 35},
    {B("\5\0\0\0\x1e" ENTRY("\1", "\0", "\1\xff", "\0\0\0\1", SIZE_0, "\0\1a\0\1b")), ERR_PROTOCOL,
	0}, /* a file that leads somewhere */
    {B("\5\0\0\0\x1e" ENTRY("\1", "\0", "\1\xff", "\x3b\x9a\xca\0", SIZE_9, "\0\2ab\0\0")), ERR_PROTOCOL,
	0}, /* a whole second of nanoseconds */
    {B("\5\0\0\0\x1e" ENTRY("\1", "\0", "\1\xff", "\0\0\0\1", "\0\0\x10\0\0\0\0\0", "\0\2ab\0\0")), OK,
	35}, /* 16 TiB */
    {B("\5\0\0\0\x1e" ENTRY("\1", "\0", "\1\xff", "\0\0\0\1", "\0\0\x10\0\0\0\0\1", "\0\2ab\0\0")), ERR_PROTOCOL, 0},
    {B("\7\0\0\0\1\0\0\0\0\0\0\0\1"), OK, 13}, /* the byte itself follows */
    {B("\7\0\0\0\1\0\0\0\0\0\0\0"), ERR_MORE, 0}, {B("\7\0\4\0\0\0\0\0\0\0\0\0\1"), OK, 13},
    {B("\7\0\4\0\1\0\0\0\0\0\0\0\1"), ERR_PROTOCOL, 0}, /* one more than there may be */
    {B("\7\0\0\0\0\0\0\0\0\0\0\0\1"), ERR_PROTOCOL, 0}, /* none */
};

static void
parcels(void **unused)
{
	(void)unused;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct parcel out = {.offset = 77};
		struct why why = {0};
		size_t used = 0;
		enum err r = parcel_read(span_of_bytes(cases[i].bytes, cases[i].length), &out, &used, &why);

		if (r != cases[i].want || used != cases[i].used)
			fail_msg("case %zu: %s, %zu bytes: %s", i, err_name(r), used, why.text);
		assert_true(r == OK || (out.offset == 77 && out.type == 0));
		assert_true(r == OK || r == ERR_MORE || why.text[0] != '\0');
	}
}

/* Each type, written and read again, is the same, and ends where it was said to. */
static void
both_ways(void **unused)
{
	(void)unused;
	for (int type = PARCEL_HELLO; type < PARCEL_TYPES; type++) {
		struct parcel parcel = {.type = (enum parcel_type)type,
		    .version = 1,
		    .kind = PARCEL_FILE,
		    .mode = 0644,
		    .length = 9,
		    .seconds = (uint64_t)-5,
		    .size = 1ull << 40,
		    .offset = 3,
		    .bytes = 4,
		    .entries = 5,
		    .text = SPAN("a/b")};
		char bytes[PARCEL_MAX_BYTES], again[PARCEL_MAX_BYTES];
		size_t n = parcel_write(&parcel, bytes), used = 0;
		struct parcel out;
		struct why why;

		for (size_t i = 0; i < n; i++)
			assert_int_equal(parcel_read(span_of_bytes(bytes, i), &out, &used, &why), ERR_MORE);
		assert_int_equal(parcel_read(span_of_bytes(bytes, n), &out, &used, &why), OK);
		assert_int_equal(used, n);
		assert_int_equal(parcel_write(&out, again), n);
		assert_memory_equal(again, bytes, n);
	}
}

static void
words(void **unused)
{
	static const struct {
		const char *said, *shown;
	} said[] = {
	    {"d\\x1b: no", "d\\x1b: no"}, /* made safe once already */
	    {"gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f"}, {"a\x1b[2J", "a\\x1b[2J"}, {"a\nb", "a\\x0ab"},
	    {"\x7f", "\\x7f"}, {"\xff", "\\xff"}, {"\xc2\x9b", "\\xc2\\x9b"}, /* a terminal may take it for ESC [ */
	};

	(void)unused;
	for (size_t i = 0; i < COUNT(said); i++) {
		char to[64];
		struct text text = TEXT_OF(to);

		parcel_words(span_of_text(said[i].said), &text);
		assert_string_equal(to, said[i].shown);
	}
}

#define NAME_255                                                                                                       \
	"nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn"         \
	"nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn"         \
	"nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn"

static const struct {
	const char *path;
	size_t length;
	bool right;
} paths[] = {
    {B("a"), true},
    {B("a/b"), true},
    {B(".a/..b/c."), true},
    {B("a b\n\xff"), true},
    {B(NAME_255), true},
    {B(""), false},
    {B("/a"), false},
    {B("a/"), false},
    {B("a//b"), false},
    {B(NAME_255 "n"), false},
    {B("."), false},
    {B("a/."), false},
    {B("./a"), false},
    {B(".."), false},
    {B("a/../b"), false},
    {B("a\0b"), false},
    {B("/"), false},
    {B("a/.openshell-part-1"), false},
};

static void
relative_paths(void **unused)
{
	char deep[2 * (RELATIVE_MAX_DEPTH + 1)];

	(void)unused;
	for (size_t i = 0; i < COUNT(paths); i++) {
		struct why why = {0};
		enum err r = relative_check(span_of_bytes(paths[i].path, paths[i].length), &why);

		if ((r == OK) != paths[i].right || (r != OK && why.text[0] == '\0'))
			fail_msg("path %zu: %s", i, err_name(r));
	}
	for (size_t i = 0; i < sizeof(deep); i++)
		deep[i] = i % 2 == 0 ? 'a' : '/';
	assert_int_equal(relative_check(span_of_bytes(deep, 2 * RELATIVE_MAX_DEPTH - 1), NULL), OK);
	assert_int_equal(relative_check(span_of_bytes(deep, 2 * RELATIVE_MAX_DEPTH + 1), NULL), ERR_INVALID);
}

/* Each is before the next. */
static void
order(void **unused)
{
	static const char *const sorted[] = {"a", "a/a", "a/z", "a/z/\xff", "a\x01", "a-b", "a.b", "aa", "b"};

	(void)unused;
	for (size_t i = 0; i < COUNT(sorted); i++)
		for (size_t j = 0; j < COUNT(sorted); j++) {
			int got = relative_order(span_of_text(sorted[i]), span_of_text(sorted[j]));

			assert_true(i < j ? got < 0 : i > j ? got > 0 : got == 0);
		}
	assert_true(relative_within(SPAN("a/b"), SPAN("a")) && relative_within(SPAN("a"), SPAN("a")));
	assert_false(relative_within(SPAN("ab"), SPAN("a")) || relative_within(SPAN("a"), SPAN("a/b")));
	assert_true(span_is(relative_parent(SPAN("a/b/c")), "a/b") && span_is(relative_base(SPAN("a/b/c")), "c"));
	assert_true(relative_parent(SPAN("a")).length == 0 && span_is(relative_base(SPAN("a")), "a"));
}

/* A hole sums as the zeros that are read from it, wherever it begins and ends. */
static void
sums(void **unused)
{
	static const size_t cuts[] = {
	    0, 1, SUM_PIECE_BYTES - 1, SUM_PIECE_BYTES, SUM_PIECE_BYTES + 1, 3 * SUM_PIECE_BYTES};
	auto_free char *zeros = calloc(1, 3 * SUM_PIECE_BYTES);

	(void)unused;
	for (size_t i = 0; i < COUNT(cuts); i++)
		for (size_t j = 0; j < COUNT(cuts); j++) {
			uint8_t read[SUM_BYTES], holes[SUM_BYTES], other[SUM_BYTES];
			struct sum a, b;

			sum_begin(&a);
			sum_begin(&b);
			sum_add(&a, "x", 1);
			sum_add(&b, "x", 1);
			sum_add(&a, zeros, cuts[i]);
			sum_add_hole(&b, cuts[i]);
			sum_add(&a, "y", 1);
			sum_add(&b, "y", 1);
			sum_add(&a, zeros, cuts[j]);
			sum_add_hole(&b, cuts[j]);
			sum_get(&a, read);
			sum_get(&b, holes);
			assert_memory_equal(read, holes, SUM_BYTES);
			sum_add_hole(&b, 1);
			sum_get(&b, other);
			assert_memory_not_equal(read, other, SUM_BYTES);
		}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(parcels),
	    cmocka_unit_test(both_ways),
	    cmocka_unit_test(words),
	    cmocka_unit_test(relative_paths),
	    cmocka_unit_test(order),
	    cmocka_unit_test(sums),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
