/* marks: whoever dies at whichever step, the next one keeps each line once. */
#include "tests/unit/test.h"

#include <string.h>
#include <unistd.h>

#include "common/os/file.h"
#include "sandbox/link/marks.h"

#define BYTES (64u << 10)

static int memory;
static struct journal journal;
static struct marks marks;

static bool
good(struct span bytes)
{
	return bytes.length > 0;
}

static void
opened(void)
{
	bool forgot;

	assert_int_equal(journal_open(&journal, BYTES, memory, good, &forgot, NULL), OK);
	assert_false(forgot);
	assert_int_equal(marks_open(&marks, &journal, memory, BYTES, NULL), OK);
}

/* The process dies, and another takes its place. */
static void
died(void)
{
	journal_done(&journal);
	marks_done(&marks);
	opened();
}

static int
setup(void **unused)
{
	(void)unused;
	assert_int_equal(memfd_fixed("spool", BYTES + MARKS_BYTES, &memory, NULL), OK);
	opened();
	return 0;
}

static int
teardown(void **unused)
{
	(void)unused;
	journal_done(&journal);
	marks_done(&marks);
	close(memory);
	return 0;
}

static const struct id source = {{1}}, other = {{2}};

static uint64_t
wanted(struct id id)
{
	return marks_find(&marks, id)->next;
}

static void
a_death_at_any_step_doubles_nothing(void **unused)
{
	struct mark *mark = marks_find(&marks, source);

	(void)unused;
	assert_int_equal(mark->next, 1);
	mark_begin(mark, &journal);
	died();
	assert_int_equal(wanted(source), 1); /* it was not taken */
	journal_put(&journal, SPAN("of somebody else"));
	died();
	assert_int_equal(wanted(source), 1); /* nor is another's line its own */
	mark = marks_find(&marks, source);
	mark_begin(mark, &journal);
	journal_put(&journal, SPAN("one"));
	died();
	assert_int_equal(wanted(source), 2); /* it was, though nobody had written it down */
	died();
	assert_int_equal(wanted(source), 2); /* and not once more */
	mark = marks_find(&marks, source);
	mark_begin(mark, &journal);
	journal_skip(&journal, 7);
	died();
	assert_int_equal(wanted(source), 9);
	mark = marks_find(&marks, source);
	mark_begin(mark, &journal);
	journal_put(&journal, SPAN("nine"));
	mark_end(mark, 10);
	journal_put(&journal, SPAN("of somebody else"));
	died();
	assert_int_equal(wanted(source), 10);
	assert_int_equal(journal.records_n, 4);
}

static void
each_source_has_its_own(void **unused)
{
	(void)unused;
	mark_end(marks_find(&marks, source), 5);
	assert_int_equal(wanted(other), 1);
	mark_end(marks_find(&marks, other), 3);
	died();
	assert_int_equal(wanted(source), 5);
	assert_int_equal(wanted(other), 3);
	for (uint8_t i = 0; i < MARKS_MAX - 2; i++) /* more than there is room for: who was heard last stays */
		assert_int_equal(wanted((struct id){{10, i}}), 1);
	assert_int_equal(wanted(other), 3);
	assert_int_equal(wanted((struct id){{11}}), 1);
	assert_int_equal(wanted(other), 3);
	assert_int_equal(wanted(source), 1);
}

static void
memory_that_is_too_small_is_none(void **unused)
{
	struct marks none = {0};

	(void)unused;
	assert_int_equal(marks_open(&none, &journal, memory, BYTES + 4096, NULL), ERR_INVALID);
	assert_null(none.at);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
	    TEST(a_death_at_any_step_doubles_nothing),
	    TEST(each_source_has_its_own),
	    TEST(memory_that_is_too_small_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
