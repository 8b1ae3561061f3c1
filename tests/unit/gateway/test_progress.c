/* Progress of a rotation: what credentials writes of it is read as it is meant, and nothing else is. */
#include "tests/unit/test.h"

#include "common/base/clean.h"
#include "services/gateway/progress.h"

static const struct {
	const char *line;
	enum err want;
	uint64_t old, quiet_ms;
} cases[] = {
    {"newest=0102030405060708 old=0 quiet_ms=2003 claims=3          \n", OK, 0, 2003},
    {"newest=0102030405060708 old=18446744073709551615 quiet_ms=0 claims=3\n", OK, UINT64_MAX, 0},
    {"newest=0102030405060708 old=7 quiet_ms=0 claims=3", OK, 7, 0},
    {"newest=0102030405060708 old=0 quiet_ms=0\n", ERR_SYNTAX, 0,
	0}, /* of a release before master keys were replaced */
    {"newest=0102030405060708 old=0 quiet_ms=0 claims=\n", ERR_SYNTAX, 0, 0},
    {"newest=0102030405060708 old=0 quiet_ms=0 claims=18446744073709551616\n", ERR_SYNTAX, 0, 0},
    {"", ERR_SYNTAX, 0, 0},
    {"newest=0102030405060708", ERR_SYNTAX, 0, 0},
    {"newest=01020304050607 old=0 quiet_ms=0 claims=3\n", ERR_SYNTAX, 0, 0},
    {"newest=0102030405060708 old=-1 quiet_ms=0 claims=3\n", ERR_SYNTAX, 0, 0},
    {"newest=0102030405060708 old= quiet_ms=0 claims=3\n", ERR_SYNTAX, 0, 0},
    {"newest=0102030405060708 old=0 quiet_ms=18446744073709551616 claims=3\n", ERR_SYNTAX, 0, 0},
    {"old=0 newest=0102030405060708 quiet_ms=0 claims=3\n", ERR_SYNTAX, 0, 0},
};

static void
lines(void **unused)
{
	(void)unused;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct rotation out = {.old = 99};
		struct why why = {""};

		if (rotation_parse(span_of_text(cases[i].line), &out, &why) != cases[i].want)
			fail_msg("%s: %s", cases[i].line, why.text);
		if (cases[i].want == OK)
			assert_true(out.old == cases[i].old && out.quiet_ms == cases[i].quiet_ms &&
				    out.newest[7] == 8 && out.claims == 3);
		else
			assert_true(out.old == 99 && why.text[0] != '\0');
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(lines)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
