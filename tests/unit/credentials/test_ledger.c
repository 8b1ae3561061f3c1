/* Entries of the ledger: what was written is read, and whatever was torn or changed is not. */
#include "tests/unit/test.h"

#include <stdlib.h>

#include "common/base/clean.h"
#include "services/credentials/ledger_entry.h"

static const struct ledger_entry entry = {
    .whose = {.provider = {{1, 2, 3}}, .key = {"API_TOKEN", 9}, .print = {4, 5, 6}},
    .answer = {"an answer\0 of bytes", 19},
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
	assert_int_equal(length, 28 + 42 + 9 + 19);
	assert_int_equal(ledger_entry_read(span_of_bytes(bytes, length), &out, &used, &why), OK);
	assert_int_equal(used, length);
	assert_true(id_equal(out.whose.provider, entry.whose.provider) && span_equal(out.whose.key, entry.whose.key) &&
		    span_equal(out.answer, entry.answer) && out.until_ms == entry.until_ms);
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

/* Bounds: no key, a key that is too long, no answer. */
static void
bounds(void **unused)
{
	static const char letters[LEDGER_KEY_MAX + 1] = "";
	static const struct {
		size_t key, answer;
		enum err want;
	} cases[] = {{1, 1, OK}, {LEDGER_KEY_MAX, 1, OK}, {LEDGER_KEY_MAX + 1, 1, ERR_SYNTAX}, {0, 5, ERR_SYNTAX},
	    {1, 0, ERR_SYNTAX}};

	(void)unused;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct ledger_entry one = entry, out;
		size_t length, used;
		struct why why;

		one.whose.key = span_of_bytes(letters, cases[i].key);
		one.answer = span_of_bytes(letters, cases[i].answer);
		auto_free char *bytes = ledger_entry_write(&one, &length);
		assert_int_equal(ledger_entry_read(span_of_bytes(bytes, length), &out, &used, &why), cases[i].want);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(whole), cmocka_unit_test(torn_and_changed), cmocka_unit_test(bounds)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
