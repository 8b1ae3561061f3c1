/* Token counts: whole answers and streams, cut at every byte; what only looks like a count. */
#include "tests/unit/test.h"

#include "common/wire/usage.h"

static const struct {
	const char *text;
	bool found;
	uint64_t input, output;
} cases[] = {
    {"{\"choices\":[],\"usage\":{\"prompt_tokens\":12,\"completion_tokens\":34,\"total_tokens\":46}}", true, 12, 34},
    {"{\"type\":\"message\",\"usage\" : { \"input_tokens\": 5, \"output_tokens\": 6 }}", true, 5, 6},
    {"data: {\"type\":\"message_start\",\"message\":{\"usage\":{\"input_tokens\":9,\"output_tokens\":1}}}\n\n"
     "data: {\"type\":\"message_delta\",\"usage\":{\"output_tokens\":77}}\n\n",
	true, 9, 77},
    {"data: {\"usage\":null}\n\ndata: {\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":2}}\n\ndata: [DONE]\n\n",
	true, 1, 2},
    {"{\"usage\":{\"details\":{\"a\":[1,{}],\"s\":\"}\\\"{\"},\"input_tokens\":3,\"output_tokens\":4}}", true, 3, 4},
    {"{\"a\":\"\\\"usage\\\":{\\\"input_tokens\\\":3}\"}", false, 0, 0},
    {"{\"usage\":7}", false, 0, 0},
    {"{\"usage\":{\"input_tokens\":\"3\"}}", false, 0, 0},
    {"{\"usage\":{\"input_tokens\":-3}}", false, 0, 0},
    {"{\"usage\":{\"input_tokens\":3", false, 0, 0},
    {"{\"usage\":{bad}}", false, 0, 0},
    {"{\"\"usage\":{\"input_tokens\":3}}", true, 3, 0},
    {"", false, 0, 0},
};

static void
test_cut_anywhere(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct span text = span_of_text(cases[i].text);

		for (size_t cut = 0; cut <= text.length; cut++) {
			struct usage usage = {0};

			usage_feed(&usage, span_head(text, cut));
			usage_feed(&usage, span_tail(text, cut));
			if (usage.found != cases[i].found)
				fail_msg("%s cut at %zu", cases[i].text, cut);
			assert_int_equal(usage.input, cases[i].input);
			assert_int_equal(usage.output, cases[i].output);
		}
	}
}

/* An object that is too long is not read, and what follows it is. */
static void
test_long(void **state)
{
	static char text[2 * USAGE_BYTES];
	struct usage usage = {0};

	(void)state;
	memset(text, ' ', sizeof(text));
	usage_feed(&usage, SPAN("{\"usage\":{\"input_tokens\":1,"));
	usage_feed(&usage, span_of_bytes(text, sizeof(text)));
	usage_feed(&usage, SPAN("\"output_tokens\":2}}"));
	assert_false(usage.found);
	usage_feed(&usage, SPAN("{\"usage\":{\"input_tokens\":8}}"));
	assert_true(usage.found);
	assert_int_equal(usage.input, 8);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_cut_anywhere), cmocka_unit_test(test_long)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
