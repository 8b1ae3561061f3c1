/* Records: their text, and that only the very process they name is taken for it. */
#include "tests/unit/test.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/clean.h"
#include "services/driver-local/record.h"

#define BOOT "01234567-89ab-cdef-0123-456789abcdef"

static const struct {
	const char *text;
	enum err want;
	enum record_state state;
	uint32_t epoch;
	pid_t pid;
} cases[] = {
    {"started 1 2 3 " BOOT "\n", OK, RECORD_STARTED, 1, 2},
    {"started 4294967295 2147483647 18446744073709551615 " BOOT "\n", OK, RECORD_STARTED, 4294967295u, 2147483647},
    {"started 1 2 3 " BOOT " 2\n", OK, RECORD_STARTED, 1, 2},
    {"started 1 2 3 " BOOT " x\n", ERR_SYNTAX, 0, 0, 0},
    {"started 1 2 3 " BOOT " 4294967296\n", ERR_SYNTAX, 0, 0, 0},
    {"failed 7 no room is left\n", OK, RECORD_FAILED, 7, 0},
    {"failed 7 \n", OK, RECORD_FAILED, 7, 0},
    {"started 1 2 3 " BOOT, ERR_SYNTAX, 0, 0, 0}, /* no end: was being written */
    {"started 0 2 3 " BOOT "\n", ERR_SYNTAX, 0, 0, 0},
    {"started 1 0 3 " BOOT "\n", ERR_SYNTAX, 0, 0, 0},
    {"started 1 2147483648 3 " BOOT "\n", ERR_SYNTAX, 0, 0, 0},
    {"started 4294967296 2 3 " BOOT "\n", ERR_SYNTAX, 0, 0, 0},
    {"started 1 2 3 " BOOT "0\n", ERR_SYNTAX, 0, 0, 0},
    {"started 1 2 3\n", ERR_SYNTAX, 0, 0, 0},
    {"started 1 2\n", ERR_SYNTAX, 0, 0, 0},
    {"failed\n", ERR_SYNTAX, 0, 0, 0},
    {"stopped 1 2 3 " BOOT "\n", ERR_SYNTAX, 0, 0, 0},
    {"\n", ERR_SYNTAX, 0, 0, 0},
    {"", ERR_SYNTAX, 0, 0, 0},
};

static void
reads_its_text(void **unused)
{
	(void)unused;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct record record = {0};
		struct why why = {0};

		assert_int_equal(record_parse(span_of_text(cases[i].text), &record, &why), cases[i].want);
		if (cases[i].want != OK) {
			assert_true(why.text[0] != '\0');
			continue;
		}
		assert_int_equal(record.state, cases[i].state);
		assert_int_equal(record.epoch, cases[i].epoch);
		assert_int_equal(record.pid, cases[i].pid);
	}
}

static void
comes_back_as_it_was_written(void **unused)
{
	char path[] = "/tmp/openshell-record-XXXXXX";
	struct record a = {.state = RECORD_FAILED, .epoch = 9}, b;
	struct why why = {0};
	auto_fd int dir = -1;

	(void)unused;
	assert_non_null(mkdtemp(path));
	dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(record_read(dir, &b, &why), ERR_NOT_FOUND);
	memset(a.words, 'w', sizeof(a.words) - 1);
	assert_int_equal(record_write(dir, &a, &why), OK);
	assert_int_equal(record_read(dir, &b, &why), OK);
	assert_string_equal(a.words, b.words);
	assert_int_equal(record_of(getpid(), &a, &why), OK);
	a.epoch = 3;
	assert_int_equal(record_write(dir, &a, &why), OK); /* replaces the first */
	assert_int_equal(record_read(dir, &b, &why), OK);
	assert_int_equal(b.epoch, 3);
	assert_int_equal(b.pid, getpid());
	assert_true(a.started == b.started && a.started != 0);
	assert_string_equal(a.boot, b.boot);
	unlinkat(dir, "box", 0);
	rmdir(path);
}

static void
names_one_process_only(void **unused)
{
	struct record record;
	struct why why = {0};
	int fd;

	(void)unused;
	assert_int_equal(record_of(getpid(), &record, &why), OK);
	assert_true((fd = record_open(&record)) >= 0);
	assert_true((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
	close(fd);
	record.started++; /* the pid was given out again */
	assert_int_equal(record_open(&record), -1);
	record.started--;
	record.boot[0] ^= 1; /* the machine was started again */
	assert_int_equal(record_open(&record), -1);
	record.pid = 0x3fffffff;
	assert_int_equal(record_open(&record), -1);
	assert_int_equal(record_of(0x3fffffff, &record, &why), ERR_NOT_FOUND);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(reads_its_text),
	    cmocka_unit_test(comes_back_as_it_was_written),
	    cmocka_unit_test(names_one_process_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
