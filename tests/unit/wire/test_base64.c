/* Base64: known pairs of RFC 4648, 10, and every way to spell something wrongly. */
#include "tests/unit/test.h"

#include "common/wire/base64.h"

static const struct {
	const char *text;
	enum err want;
	const char *bytes;
} cases[] = {
    {"", OK, ""},
    {"Zg==", OK, "f"},
    {"Zm8=", OK, "fo"},
    {"Zm9v", OK, "foo"},
    {"Zm9vYg==", OK, "foob"},
    {"Zm9vYmFy", OK, "foobar"},
    {"+/+/", OK, "\xfb\xff\xbf"},
    {"Zg=", ERR_SYNTAX, NULL},
    {"Zg", ERR_SYNTAX, NULL},
    {"Z===", ERR_SYNTAX, NULL},
    {"====", ERR_SYNTAX, NULL},
    {"Zh==", ERR_SYNTAX, NULL}, /* bits left over */
    {"Zm9=", ERR_SYNTAX, NULL},
    {"Zg==Zg==", ERR_SYNTAX, NULL},
    {"Zm9 ", ERR_SYNTAX, NULL},
    {"Zm-_", ERR_SYNTAX, NULL},
};

static void
reads_and_writes(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char room[64], back[64];
		struct span out = SPAN("untouched");
		struct why why = {0};

		assert_int_equal(base64_read(span_of_text(cases[i].text), room, &out, &why), cases[i].want);
		if (cases[i].want != OK) {
			assert_true(span_is(out, "untouched") && why.text[0] != '\0');
			continue;
		}
		assert_true(span_is(out, cases[i].bytes));
		assert_int_equal(base64_write(out, back), strlen(cases[i].text));
		assert_memory_equal(back, cases[i].text, strlen(cases[i].text));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(reads_and_writes)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
