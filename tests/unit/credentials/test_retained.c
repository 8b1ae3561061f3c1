/* Retained answers and their file: written anew when most of it is over, and whole again whatever instant a death leaves it at. */
#include "tests/unit/test.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/clean.h"
#include "common/seal/answer_box.h"
#include "services/credentials/ledger.h"
#include "services/credentials/retained.h"

static struct config config;
static struct credentials credentials = {.config = &config, .ledger_fd = -1, .append_fd = -1};
static int
begin(void **unused)
{
	struct why why;

	(void)unused;
	snprintf(config.ledger_file, sizeof(config.ledger_file), "/tmp/test_retained.%d", (int)getpid());
	randombytes_buf(credentials.keys.roots[0].master.bytes, 32);
	root_derive(&credentials.keys.roots[0]);
	credentials.keys.roots_n = 1;
	retained_init(&credentials);
	credentials.ledger_read = 0;
	assert_int_equal(ledger_open(&credentials, &why), OK);
	return 0;
}

static int
end(void **unused)
{
	(void)unused;
	retained_end(&credentials);
	ledger_close(&credentials);
	return unlink(config.ledger_file);
}

static struct ledger_whose
whose(const char *key, uint8_t print)
{
	return (struct ledger_whose){{{7}}, span_of_text(key), {print}};
}

/* As a child and we do it. */
static void
answer(const char *key, uint8_t print, size_t length)
{
	struct ledger_entry entry = {.what = LEDGER_ANSWER, .whose = whose(key, print), .until_ms = UINT64_MAX / 2};
	auto_free char *words = calloc(1, length), *box = malloc(ANSWER_BOX_BYTES(length));
	struct why why;

	memset(words, print, length);
	assert_int_equal(answer_box_make(credentials.keys.roots[0].box_public, &entry.whose,
			     span_of_bytes(words, length), (uint8_t *)box, &why),
	    OK);
	entry.box = span_of_bytes(box, ANSWER_BOX_BYTES(length));
	assert_int_equal(ledger_add(&credentials, &entry, false, &why), OK);
	retained_keep(&credentials, &entry.whose, entry.box, LEDGER_KEPT_MS);
}

static bool
has(const char *key, uint8_t print, size_t length)
{
	const struct ledger_whose asked = whose(key, print);
	auto_room struct room room = {0};
	struct span out;

	return retained_open(&credentials, &asked, &room, &out) && out.length == length && out.at[0] == (char)print &&
	       out.at[length - 1] == (char)print;
}

static void
take(struct credentials *self, const struct ledger_entry *entry)
{
	if (entry->what == LEDGER_ANSWER)
		retained_keep(self, &entry->whose, entry->box, LEDGER_KEPT_MS);
	else
		retained_ended(self, &entry->whose);
}

/* What the next process finds. */
static void
reload(void)
{
	retained_end(&credentials);
	credentials.ledger_read = 0;
	ledger_read(&credentials, take);
}

static void
forgotten_and_emptied(void **unused)
{
	(void)unused;
	answer("A", 1, 100);
	answer("B", 2, 100);
	reload();
	assert_true(has("A", 1, 100) && has("B", 2, 100) && !has("A", 2, 100) && !has("C", 1, 100));
	answer("A", 3, 100); /* the one before is over */
	reload();
	assert_true(has("A", 3, 100) && !has("A", 1, 100));
	retained_forget(&credentials, (struct id){{7}}, SPAN("A"));
	assert_false(has("A", 3, 100));
	reload();
	assert_true(!has("A", 3, 100) && has("B", 2, 100));
	credentials.underway_n = 1; /* somebody may be appending */
	retained_forget(&credentials, (struct id){{7}}, SPAN("B"));
	assert_true(ledger_size(&credentials) > 0);
	credentials.underway_n = 0;
	retained_tidy(&credentials);
	assert_int_equal(ledger_size(&credentials), 0);
}

/* It stays bounded, and what is retained stays. */
static void
written_anew(void **unused)
{
	size_t most = 0;

	(void)unused;
	answer("first", 1, 30000);
	for (int i = 0; i < 400; i++) {
		answer("change", (uint8_t)(2 + i % 200), 30000);
		retained_tidy(&credentials);
		most = ledger_size(&credentials) > most ? ledger_size(&credentials) : most;
	}
	assert_in_range(most, 1u << 19, 1u << 20);
	reload();
	assert_true(has("first", 1, 30000) && has("change", 2 + 399 % 200, 30000));
	assert_int_equal(credentials.retained_n, 2);
}

/* Death at each instant of writing anew: behind the rest, torn or whole; in front, up to each byte; cut. */
static void
any_instant(void **unused)
{
	static char file[16384];
	size_t size, live, length;
	struct stat st;

	(void)unused;
	for (uint8_t i = 1; i < 20; i++)
		answer("change", i, 60);
	answer("others", 21, 60);
	size = ledger_size(&credentials);
	assert_true(size < sizeof(file) / 2 && pread(credentials.ledger_fd, file, size, 0) == (ssize_t)size);
	live = size / 10; /* the last two */
	for (size_t step = 0; step <= 2 * live; step++) {
		length = size + (step < live ? step : live);
		memcpy(file + size, file + size - live, live);
		if (step > live)
			memcpy(file, file + size, step - live);
		assert_int_equal(ftruncate(credentials.ledger_fd, 0), 0);
		assert_int_equal(pwrite(credentials.ledger_fd, file, length, 0), length);
		reload();
		assert_true(has("change", 19, 60) && has("others", 21, 60));
		assert_int_equal(credentials.retained_n, 2);
	}
	ledger_replace(&credentials, file + size - live, live);
	assert_int_equal(fstat(credentials.ledger_fd, &st), 0);
	assert_int_equal(st.st_size, live);
	reload();
	assert_true(has("change", 19, 60) && has("others", 21, 60));
}

/* Sealed again for another master key, so that the one before may go. */
static void
another_master_key(void **unused)
{
	const struct ledger_whose a = whose("A", 1);

	(void)unused;
	answer("A", 1, 100);
	credentials.keys.roots[1] = credentials.keys.roots[0];
	credentials.keys.roots_n = 2;
	randombytes_buf(credentials.keys.roots[0].master.bytes, 32);
	root_derive(&credentials.keys.roots[0]);
	reload();
	retained_renew(&credentials);
	credentials.keys.roots_n = 1;
	reload();
	assert_true(has("A", 1, 100));
	randombytes_buf(
	    credentials.keys.roots[0].master.bytes, 32); /* one that nothing is sealed for: it is given up */
	root_derive(&credentials.keys.roots[0]);
	assert_true(retained_has(&credentials, &a));
	assert_false(has("A", 1, 100));
	assert_false(retained_has(&credentials, &a));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(forgotten_and_emptied, begin, end),
	    cmocka_unit_test_setup_teardown(written_anew, begin, end),
	    cmocka_unit_test_setup_teardown(any_instant, begin, end),
	    cmocka_unit_test_setup_teardown(another_master_key, begin, end),
	};

	assert_true(sodium_init() >= 0);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
