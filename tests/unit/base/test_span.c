/* Spans: cutting, comparing, and what counts as UTF-8. */
#include "tests/unit/test.h"

#include "common/base/clean.h"
#include "common/base/span.h"

static void
utf8(void **state)
{
	static const struct {
		struct span bytes;
		bool good;
	} cases[] = {
	    {SPAN(""), true},
	    {SPAN("plain"), true},
	    {SPAN("\xc2\x80"), true},
	    {SPAN("\xc1\xbf"), false}, /* longer than needed */
	    {SPAN("\xe0\xa0\x80"), true},
	    {SPAN("\xe0\x9f\xbf"), false}, /* longer than needed */
	    {SPAN("\xed\x9f\xbf"), true},
	    {SPAN("\xed\xa0\x80"), false}, /* a surrogate */
	    {SPAN("\xf0\x90\x80\x80"), true},
	    {SPAN("\xf0\x8f\xbf\xbf"), false},
	    {SPAN("\xf4\x8f\xbf\xbf"), true},
	    {SPAN("\xf4\x90\x80\x80"), false}, /* past U+10FFFF */
	    {SPAN("\xf5\x80\x80\x80"), false},
	    {SPAN("\x80"), false},
	    {SPAN("\xc2"), false},
	    {SPAN("\xe2\x82"), false},
	    {SPAN("\xe2\x28\xa1"), false},
	    {SPAN("a\0b"), false},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		if (span_utf8(cases[i].bytes) != cases[i].good)
			fail_msg("case %zu", i);
}

static void
cutting(void **state)
{
	struct span rest = SPAN("a=b=c"), head = span_cut(&rest, '=');
	char small[4];
	size_t at = 99;

	(void)state;
	assert_true(span_is(head, "a") && span_is(rest, "b=c"));
	head = span_cut(&rest, '/');
	assert_true(span_is(head, "b=c") && rest.length == 0);
	assert_true(span_is(span_head(SPAN("abc"), 9), "abc") && span_tail(SPAN("abc"), 9).length == 0);
	assert_true(span_starts(SPAN("abc"), SPAN("ab")) && !span_starts(SPAN("a"), SPAN("ab")));
	assert_false(span_find(SPAN("abc"), 'x', &at));
	assert_int_equal(at, 99);
	assert_true(span_only(SPAN("0120"), "012") && !span_only(SPAN("0\0"), "012") && span_only(SPAN(""), "x"));
	assert_true(span_copy(SPAN("abc"), small, sizeof(small)));
	assert_false(span_copy(SPAN("abcd"), small, sizeof(small)));
	assert_string_equal(small, "");
	assert_false(span_copy(SPAN("a\0"), small, sizeof(small)));
	assert_null(span_dup(SPAN("a\0b")));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(utf8), cmocka_unit_test(cutting)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
