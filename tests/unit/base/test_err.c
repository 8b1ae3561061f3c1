/* Errors: reasons are built outside in, never overflow, and every code has its row. */
#include "tests/unit/test.h"

#include <errno.h>
#include <string.h>

#include "common/base/err.h"

static void
reasons(void **state)
{
	struct why why = {0};
	char big[2000];

	(void)state;
	assert_int_equal(fail(&why, ERR_RANGE, "%d is too much", 9), ERR_RANGE);
	assert_int_equal(because(&why, ERR_RANGE, "sandbox %s", "ab"), ERR_RANGE);
	assert_string_equal(why.text, "sandbox ab: 9 is too much");
	errno = ENOENT;
	fail_errno(&why, ERR_SYSTEM, "open %s", "/x");
	assert_string_equal(why.text, "open /x: No such file or directory");
	memset(big, 'a', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	fail(&why, ERR_RANGE, "%s", big);
	because(&why, ERR_RANGE, "%s", big);
	assert_true(strlen(why.text) < sizeof(why.text));
	assert_int_equal(fail(NULL, ERR_LIMIT, "unheard"), ERR_LIMIT);
}

static void
rows(void **state)
{
	(void)state;
	for (int i = 0; i < ERR_COUNT; i++) {
		assert_true(strlen(err_words((enum err)i)) > 0 && strlen(err_name((enum err)i)) > 0);
		assert_true(err_grpc((enum err)i) >= 0 && err_grpc((enum err)i) <= 16);
		assert_true((err_grpc((enum err)i) == 0) == (i == OK));
	}
	assert_string_equal(err_name((enum err)9999), "ERR_INTERNAL");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(reasons), cmocka_unit_test(rows)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
