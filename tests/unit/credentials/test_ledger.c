/* Entries of the ledger: what was written is read, whatever was torn or changed is passed over; and answers in their boxes. */
#include "tests/unit/test.h"

#include <sodium.h>
#include <stdlib.h>

#include "common/base/clean.h"
#include "common/seal/answer_box.h"

static const struct ledger_entry entry = {
    .what = LEDGER_ANSWER,
    .whose = {.provider = {{1, 2, 3}}, .key = {"API_TOKEN", 9}, .print = {4, 5, 6}},
    .box = {"an answer\0 of bytes", 19},
    .until_ms = 0x0102030405060708,
};

static void
whole(void **unused)
{
	struct ledger_entry out;
	size_t length, used;
	auto_free char *bytes = ledger_entry_write(&entry, &length);
	struct why why;

	(void)unused;
	assert_int_equal(length, 28 + 43 + 9 + 19);
	assert_int_equal(ledger_entry_read(span_of_bytes(bytes, length), &out, &used, &why), OK);
	assert_int_equal(used, length);
	assert_true(id_equal(out.whose.provider, entry.whose.provider) && span_equal(out.whose.key, entry.whose.key) &&
		    span_equal(out.box, entry.box) && out.what == LEDGER_ANSWER && out.until_ms == entry.until_ms);
	assert_memory_equal(out.whose.print, entry.whose.print, 16);
}

/* Each length that is less, and each byte that is another. */
static void
torn_and_changed(void **unused)
{
	struct ledger_entry out = {.until_ms = 99};
	size_t length, used = 77;
	auto_free char *bytes = ledger_entry_write(&entry, &length);
	struct why why;

	(void)unused;
	for (size_t n = 0; n < length; n++)
		assert_int_equal(ledger_entry_read(span_of_bytes(bytes, n), &out, &used, &why), ERR_MORE);
	for (size_t n = 0; n < length; n++) {
		bytes[n] ^= 1;
		assert_int_not_equal(ledger_entry_read(span_of_bytes(bytes, length), &out, &used, &why), OK);
		bytes[n] ^= 1;
	}
	assert_true(out.until_ms == 99 && used == 77);
}

/* Bounds: no key, a key that is too long; a box where there is none, and none where there is one. */
static void
bounds(void **unused)
{
	static const char letters[LEDGER_BOX_MAX + 1] = "";
	static const struct {
		int what;
		size_t key, box;
		enum err want;
	} cases[] = {{LEDGER_ANSWER, 1, 1, OK}, {LEDGER_ANSWER, LEDGER_KEY_MAX, LEDGER_BOX_MAX, OK},
	    {LEDGER_ANSWER, LEDGER_KEY_MAX + 1, 1, ERR_SYNTAX}, {LEDGER_ANSWER, 0, 5, ERR_SYNTAX},
	    {LEDGER_ANSWER, 1, 0, ERR_SYNTAX}, {LEDGER_ANSWER, 1, LEDGER_BOX_MAX + 1, ERR_SYNTAX},
	    {LEDGER_BEGUN, 1, 0, OK}, {LEDGER_BEGUN, 1, 1, ERR_SYNTAX}, {LEDGER_ENDED, 1, 0, OK},
	    {LEDGER_ENDED, 1, 1, ERR_SYNTAX}, {0, 1, 0, ERR_SYNTAX}, {LEDGER_ENDED + 1, 1, 0, ERR_SYNTAX}};

	(void)unused;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct ledger_entry one = entry, out;
		size_t length, used;
		struct why why;

		one.what = (enum ledger_what)cases[i].what;
		one.whose.key = span_of_bytes(letters, cases[i].key);
		one.box = span_of_bytes(letters, cases[i].box);
		auto_free char *bytes = ledger_entry_write(&one, &length);
		assert_int_equal(ledger_entry_read(span_of_bytes(bytes, length), &out, &used, &why), cases[i].want);
	}
}

/* Three entries; the one in the middle is torn at each place, or has rubbish before it: the others are found. */
static void
passed_over(void **unused)
{
	size_t length, at;
	auto_free char *bytes = ledger_entry_write(&entry, &length), *file = calloc(3, length + 8);
	struct ledger_entry out;

	(void)unused;
	for (size_t torn = 0; torn < length; torn++) {
		memcpy(file, bytes, length);
		memcpy(file + length, bytes, torn);
		memcpy(file + length + torn, bytes, length);
		at = 0;
		assert_true(ledger_entry_next(span_of_bytes(file, 2 * length + torn), &at, &out) && at == length);
		assert_true(ledger_entry_next(span_of_bytes(file, 2 * length + torn), &at, &out));
		assert_int_equal(at, 2 * length + torn);
		/* the last one may still be being written */
		at = length;
		assert_false(ledger_entry_next(span_of_bytes(file, length + torn), &at, &out));
		assert_int_equal(at, length);
	}
	memcpy(file, "rubbish", 7);
	memcpy(file + 7, bytes, length);
	at = 0;
	assert_true(ledger_entry_next(span_of_bytes(file, 7 + length), &at, &out) && at == 7 + length);
}

/* It opens for whom it was sealed and as whose it was sealed, and for nobody else. */
static void
boxes(void **unused)
{
	uint8_t keys[2][32], secrets[2][32], box[ANSWER_BOX_BYTES(5)], room[sizeof(box)];
	struct ledger_whose whose = entry.whose, other = entry.whose;
	struct span sealed = span_of_bytes(box, sizeof(box)), out = SPAN_NONE;
	struct why why;

	(void)unused;
	for (int i = 0; i < 2; i++)
		crypto_box_keypair(keys[i], secrets[i]);
	assert_int_equal(answer_box_make(keys[0], &whose, SPAN("hello"), box, &why), OK);
	assert_int_equal(answer_box_open(sealed, &whose, keys[1], secrets[1], room, &out, &why), ERR_DENIED);
	other.print[0] ^= 1;
	assert_int_equal(answer_box_open(sealed, &other, keys[0], secrets[0], room, &out, &why), ERR_DENIED);
	other = whose;
	other.provider.bytes[15] ^= 1;
	assert_int_equal(answer_box_open(sealed, &other, keys[0], secrets[0], room, &out, &why), ERR_DENIED);
	for (size_t n = 0; n < sizeof(box); n++)
		assert_int_equal(
		    answer_box_open(span_head(sealed, n), &whose, keys[0], secrets[0], room, &out, &why), ERR_DENIED);
	assert_int_equal(out.length, 0);
	assert_int_equal(answer_box_open(sealed, &whose, keys[0], secrets[0], room, &out, &why), OK);
	assert_true(span_is(out, "hello"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(whole), cmocka_unit_test(torn_and_changed),
	    cmocka_unit_test(bounds), cmocka_unit_test(passed_over), cmocka_unit_test(boxes)};

	assert_true(sodium_init() >= 0);

	return cmocka_run_group_tests(tests, NULL, NULL);
}
