/* Masks: however the bytes are cut, no value comes through, and nothing else is changed. */
#include "tests/unit/test.h"

#include <stdlib.h>

#include "sandbox/router/mask.h"

static const struct {
	const char *text, *want;
} cases[] = {
    {"", ""},
    {"nothing here", "nothing here"},
    {"secret", "******"},
    {"a secret, a secre", "a ******, a secre"},
    {"secretsecret", "************"},
    {"secsecretret", "sec******ret"},
    {"longer-value secret!", "************ ******!"},
    {"longer-valu", "longer-valu"},
};

/* In pieces of so many bytes, as they come from a socket. */
static void
run(const struct mask *mask, const char *text, size_t step, char *out)
{
	char held[256];
	size_t n = 0, length = strlen(text), o = 0;

	for (size_t at = 0; at < length; at += step) {
		size_t more = length - at < step ? length - at : step, ready;

		memcpy(held + n, text + at, more);
		n += more;
		ready = mask_cover(mask, held, n);
		assert_true(ready <= n && n - ready < mask->longest);
		memcpy(out + o, held, ready);
		memmove(held, held + ready, n - ready);
		o += ready;
		n -= ready;
	}
	memcpy(out + o, held, n);
	out[o + n] = 0;
}

static void
values_are_covered_in_every_cut(void **unused)
{
	struct mask mask = {0};
	char out[256];

	(void)unused;
	assert_true(mask_add(&mask, SPAN("secret")) && mask_add(&mask, SPAN("longer-value")));
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		for (size_t step = 1; step <= strlen(cases[i].text) + 1; step++) {
			run(&mask, cases[i].text, step, out);
			assert_string_equal(out, cases[i].want);
		}
	mask_done(&mask);
}

static void
short_values_are_left_out(void **unused)
{
	struct mask mask = {0};

	(void)unused;
	assert_false(mask_add(&mask, SPAN("12345")));
	assert_true(mask_add(&mask, SPAN("123456")));
	assert_true(mask_add(&mask, SPAN("123456"))); /* once is enough */
	assert_int_equal(mask.n, 1);
	mask_done(&mask);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(values_are_covered_in_every_cut),
	    cmocka_unit_test(short_values_are_left_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
