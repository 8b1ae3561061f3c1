/* Tokens: how long they are kept, and what is one. */
#include "tests/unit/test.h"

#include "sandbox/router/grant.h"

static const struct {
	uint32_t ttl_s, lifetime_s;
	uint64_t keep_ms;
} keeps[] = {
    {0, 0, 270000}, /* nobody says: 300 s, less 30 */
    {0, 3600, 3570000},
    {0, 86400, 3570000}, /* at most an hour */
    {0, 32, 2000},
    {0, 31, 1000},
    {0, 30, 1000}, /* a second at least */
    {0, 1, 1000},
    {60, 0, 30000},
    {60, 3600, 30000},
    {7200, 3600, 3570000}, /* never longer than it is good */
    {7200, 0, 7170000},
    {1, 0, 1000},
};

static void
tokens_are_kept_until_shortly_before_their_end(void **unused)
{
	(void)unused;
	for (size_t i = 0; i < sizeof(keeps) / sizeof(keeps[0]); i++)
		assert_int_equal(grant_keep_ms(keeps[i].ttl_s, keeps[i].lifetime_s), keeps[i].keep_ms);
}

static const struct {
	const char *text;
	bool fine;
} tokens[] = {
    {"a", true},
    {"aZ09-._~+/", true},
    {"abc==", true},
    {"", false},
    {"=", false},
    {"==", false},
    {"a=b", false},
    {"two words", false},
    {"a\r\nb: c", false},
    {"a,b", false},
    {"\xc3\xa9", false},
};

static void
a_token_is_token68(void **unused)
{
	(void)unused;
	for (size_t i = 0; i < sizeof(tokens) / sizeof(tokens[0]); i++)
		if (grant_token68(span_of_text(tokens[i].text)) != tokens[i].fine)
			fail_msg("case %zu: %s", i, tokens[i].text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(tokens_are_kept_until_shortly_before_their_end),
	    cmocka_unit_test(a_token_is_token68),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
