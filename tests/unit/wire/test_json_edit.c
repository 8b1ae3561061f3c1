/* Editing JSON objects: what is replaced, added, left out, and what is refused. */
#include "tests/unit/test.h"

#include "common/base/text.h"
#include "common/wire/json_edit.h"

static const struct json_edit model[] = {{"model", SPAN("\"m\"")}};
static const struct json_edit vertex[] = {
    {"model", {NULL, 0}}, {"context_management", {NULL, 0}}, {"anthropic_version", SPAN("\"vertex-2023-10-16\"")}};

static const struct {
	const char *text;
	const struct json_edit *edits;
	size_t n;
	enum err want;
	const char *out;
} cases[] = {
    {"{\"model\":\"other\",\"a\":[1, {\"model\":2}]}", model, 1, OK, "{\"model\":\"m\",\"a\":[1, {\"model\":2}]}"},
    {"{}", model, 1, OK, "{\"model\":\"m\"}"},
    {" { \"a\" : 1 , \"b\" : {} } ", model, 1, OK, "{\"model\":\"m\",\"a\":1,\"b\":{}}"},
    {"{\"\\u006dodel\":\"other\"}", model, 1, OK, "{\"model\":\"m\"}"},
    {"{\"model\":null,\"stream\":true}", vertex, 3, OK,
	"{\"anthropic_version\":\"vertex-2023-10-16\",\"stream\":true}"},
    {"{\"anthropic_version\":\"x\",\"context_management\":{\"a\":\"}\"}}", vertex, 3, OK,
	"{\"anthropic_version\":\"vertex-2023-10-16\"}"},
    {"{\"a\":1}", vertex, 2, OK, "{\"a\":1}"},
    {"{\"model\":1}", vertex, 2, OK, "{}"},
    {"{\"Model\":\"other\"}", model, 1, ERR_SYNTAX, ""},
    {"{\"model\":\"a\",\"MODEL\":\"other\"}", model, 1, ERR_SYNTAX, ""},
    {"[\"model\"]", model, 1, ERR_INVALID, ""},
    {"\"model\"", model, 1, ERR_INVALID, ""},
};

static void
test_cases(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct span out = SPAN_NONE;
		struct json object;
		struct why why;
		char to[256];

		assert_int_equal(json_read(span_of_text(cases[i].text), &object, &why), OK);
		assert_true(json_edit_room(object, cases[i].edits, cases[i].n) <= sizeof(to));
		assert_int_equal(json_edit(object, cases[i].edits, cases[i].n, to, &out, &why), cases[i].want);
		if (!span_is(out, cases[i].out))
			fail_msg("%s: " SPAN_FORMAT, cases[i].text, SPAN_ARGS(out));
		assert_true(out.length <= json_edit_room(object, cases[i].edits, cases[i].n));
	}
}

static void
test_string(void **state)
{
	char bytes[64];
	struct text text = TEXT_OF(bytes);

	(void)state;
	json_string_write(&text, SPAN("a\"b\\c\n\x7f/\xc3\xbc"));
	assert_string_equal(bytes, "\"a\\\"b\\\\c\\u000a\\u007f/\xc3\xbc\"");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_cases), cmocka_unit_test(test_string)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
