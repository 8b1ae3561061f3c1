/* What comes of the Workload API is a JWT, or nothing. */
#include "tests/unit/test.h"

#include "sandbox/grant/grant.h"

static const struct {
	const char *text;
	bool fine;
} cases[] = {
    {"a.b.c", true},
    {"eyJ-_9.e30.AA", true},
    {"", false},
    {"a", false},
    {"a.b", false},
    {"a.b.", false},
    {"a..c", false},
    {".b.c", false},
    {"a.b.c.", false},
    {"a.b.c.d.e", false}, /* encrypted: no SVID is */
    {"a.b.c=", false},
    {"a.b c.d", false},
    {"a.b.c\r\nx: y", false},
    {"a.b.\xc3\xa9", false},
};

static void
an_identity_is_a_jwt(void **unused)
{
	(void)unused;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (svid_is_jwt(span_of_text(cases[i].text)) != cases[i].fine)
			fail_msg("case %zu: %s", i, cases[i].text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(an_identity_is_a_jwt),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
