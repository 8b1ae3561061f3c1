/* What the agent reads when it is refused: always JSON, whatever the words hold. */
#include "tests/unit/test.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/clean.h"
#include "sandbox/proxy/refusal.h"

static const struct {
	struct refusal refusal;
	const char *want;
} cases[] = {
    {{.error = ""}, ""},
    {{.error = "a"}, "{\"error\":\"a\"}"},
    {{.error = "a", .detail = {"b", 1}}, "{\"error\":\"a\",\"detail\":\"b\"}"},
    {{.error = "a", .detail = {"b", 1}, .reason = {"c", 1}}, "{\"error\":\"a\",\"detail\":\"b\",\"reason\":\"c\"}"},
    {{.error = "a", .detail = {"b", 1}, .detail_name = "message"}, "{\"error\":\"a\",\"message\":\"b\"}"},
    {{.error = "a", .detail = {"\"\\\n\x01\xc3\xbc", 6}},
	"{\"error\":\"a\",\"detail\":\"\\\"\\\\\\u000a\\u0001\xc3\xbc\"}"},
    {{.error = "a", .detail = {"\xff<", 2}}, "{\"error\":\"a\",\"detail\":\"\\u00ff<\"}"}, /* not UTF-8 */
    {{.error = "policy_denied", .rules = true, .method = {"GET", 3}, .path = {"/a", 2}, .port = 443},
	"{\"error\":\"policy_denied\",\"rule\":\"GET /a\",\"layer\":\"l7\",\"protocol\":\"rest\",\"method\":\"GET\",\"path\":\"/a\",\"port\":443,"
	"\"rule_missing\":{\"type\":\"rest_allow\",\"layer\":\"l7\",\"method\":\"GET\",\"path\":\"/a\",\"port\":443},\"next_steps\":[]}"},
};

static void
test_cases(void **state)
{
	char room[REFUSAL_BYTES];

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct text text = TEXT_OF(room);

		refusal_body(&cases[i].refusal, &text);
		if (!span_is(text_span(&text), cases[i].want))
			fail_msg("case %zu: " SPAN_FORMAT, i, SPAN_ARGS(text_span(&text)));
	}
}

static void
test_long(void **state)
{
	char room[REFUSAL_BYTES], bytes[4096];
	struct refusal refusal = {.error = "policy_denied",
	    .rules = true,
	    .method = SPAN("GET"),
	    .path = {bytes, sizeof(bytes)},
	    .binary = {bytes, sizeof(bytes)}};
	struct text text = TEXT_OF(room);

	(void)state;
	memset(bytes, 1, sizeof(bytes)); /* six bytes each */
	refusal_body(&refusal, &text);
	assert_true(span_is(text_span(&text), "{\"error\":\"policy_denied\"}"));
	assert_string_equal(refusal_words(403), "Forbidden");
	assert_string_equal(refusal_words(299), "Status");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_cases), cmocka_unit_test(test_long)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
