/* Text: numbers, hex, ids and escaping, each at its edge. */
#include "tests/unit/test.h"

#include <string.h>

#include "common/base/clean.h"
#include "common/base/id.h"
#include "common/base/text.h"

static void
numbers(void **state)
{
	static const struct {
		const char *text;
		uint64_t low, high;
		enum err want;
		uint64_t value;
	} cases[] = {
	    {"0", 0, 9, OK, 0},
	    {"65535", 1, 65535, OK, 65535},
	    {"65536", 1, 65535, ERR_RANGE, 0},
	    {"0", 1, 65535, ERR_RANGE, 0},
	    {"18446744073709551615", 0, UINT64_MAX, OK, UINT64_MAX},
	    {"18446744073709551616", 0, UINT64_MAX, ERR_RANGE, 0},
	    {"99999999999999999999999999", 0, UINT64_MAX, ERR_RANGE, 0},
	    {"", 0, 9, ERR_SYNTAX, 0},
	    {"01", 0, 9, ERR_SYNTAX, 0},
	    {"-1", 0, 9, ERR_SYNTAX, 0},
	    {"+1", 0, 9, ERR_SYNTAX, 0},
	    {" 1", 0, 9, ERR_SYNTAX, 0},
	    {"1 ", 0, 9, ERR_SYNTAX, 0},
	    {"1\x1b[31m", 0, 9, ERR_SYNTAX, 0},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		uint64_t value = 77;
		struct why why = {0};

		assert_int_equal(number_parse(span_of_text(cases[i].text), cases[i].low, cases[i].high, &value, &why),
		    cases[i].want);
		assert_true(value == (cases[i].want == OK ? cases[i].value : 77));
		assert_true((why.text[0] == '\0') == (cases[i].want == OK));
		assert_null(strchr(why.text, '\x1b'));
		if (cases[i].text[0] == '\0')
			assert_string_equal(why.text, "\"\" is not a number"); /* and nothing of the stack */
	}
}

static void
nothing_added(void **state)
{
	char bytes[4] = "old";
	struct text text = TEXT_OF(bytes);

	(void)state;
	text_add_escaped(&text, SPAN_NONE);
	assert_string_equal(bytes, "");
	assert_int_equal(text_span(&text).length, 0);
}

static void
hex(void **state)
{
	uint8_t bytes[3] = {9, 9, 9};
	char text[7];

	(void)state;
	assert_int_equal(hex_digit('0'), 0);
	assert_int_equal(hex_digit('9'), 9);
	assert_int_equal(hex_digit('a'), 10);
	assert_int_equal(hex_digit('F'), 15);
	for (const char *wrong = "/:@G`g\x10\x19\xff "; *wrong != '\0'; wrong++) /* beside each range, and a bit away */
		assert_int_equal(hex_digit(*wrong), -1);
	assert_int_equal(hex_digit('\0'), -1);
	assert_true(hex_read(SPAN("00aFff"), bytes, 3));
	assert_int_equal(bytes[1], 0xaf);
	hex_write(bytes, 3, text);
	assert_string_equal(text, "00afff");
	assert_false(hex_read(SPAN("00aFf"), bytes, 3));
	assert_false(hex_read(SPAN("00aFfff0"), bytes, 3));
	assert_false(hex_read(SPAN("00aFfg"), bytes, 3));
	assert_int_equal(bytes[2], 0xff);
}

static void
ids(void **state)
{
	static const char *const wrong[] = {"", "2f1e0f5c-6a9b-4c8d-9e0f-1a2b3c4d5e6",
	    "2f1e0f5c-6a9b-4c8d-9e0f-1a2b3c4d5e6ff", "2f1e0f5c+6a9b-4c8d-9e0f-1a2b3c4d5e6f",
	    "2f1e0f5g-6a9b-4c8d-9e0f-1a2b3c4d5e6f"};
	struct id id = id_new(), back = {{0}};

	(void)state;
	assert_int_equal(id_parse(span_of_text(id_text(id)), &back, NULL), OK);
	assert_true(id_equal(id, back));
	assert_false(id_equal(id, id_new()));
	assert_int_equal(id_text(id)[14], '4');
	for (size_t i = 0; i < COUNT(wrong); i++)
		assert_int_equal(id_parse(span_of_text(wrong[i]), &back, NULL), ERR_SYNTAX);
	assert_true(id_equal(id, back));
	assert_true(id_none((struct id){{0}}));
}

static void
building(void **state)
{
	char small[8], wide[64] = "";
	struct text text = TEXT_OF(small), escaped = TEXT_OF(wide);

	(void)state;
	text_add(&text, "%d-%s", 12, "ab");
	assert_string_equal(small, "12-ab");
	assert_false(text.cut);
	text_add(&text, "cdefgh");
	assert_true(text.cut);
	assert_string_equal(small, "12-abcd");
	text_add_span(&text, SPAN("x"));
	assert_string_equal(small, "12-abcd");
	text_add_escaped(&escaped, SPAN("a\x1b[1m\"\\\n\xc2\x9b"
					"ä"));
	assert_string_equal(wide, "a\\x1b[1m\\x22\\x5c\\x0a\\xc2\\x9b"
				  "ä");
	escaped.length = 0;
	text_add_escaped(&escaped, SPAN("\xff"
					"a"));
	assert_string_equal(wide, "\\xffa");
}

static void
digits(void **state)
{
	static const struct {
		uint64_t number;
		const char *words;
	} cases[] = {{0, "0"}, {9, "9"}, {10, "10"}, {65535, "65535"}, {UINT64_MAX, "18446744073709551615"}};
	char bytes[32], small[4];
	struct text text = TEXT_OF(small);

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct text whole = TEXT_OF(bytes);

		text_add_number(&whole, cases[i].number);
		assert_string_equal(bytes, cases[i].words);
		assert_false(whole.cut);
	}
	text_add_number(&text, 12345); /* as much as there is room for, and said */
	assert_string_equal(small, "123");
	assert_true(text.cut);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(numbers), cmocka_unit_test(nothing_added),
	    cmocka_unit_test(hex), cmocka_unit_test(ids), cmocka_unit_test(building), cmocka_unit_test(digits)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
