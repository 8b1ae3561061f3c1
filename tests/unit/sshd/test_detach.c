/* The detach keys, wherever what was typed is cut. */
#include "tests/unit/test.h"

#include <string.h>

#include "sandbox/sshd/detach.h"

#define P "\020"
#define Q "\021"

/* What of these pieces, one look each, is passed on; "!" behind it: then the client has left. */
static const char *
passed(const char *const *pieces)
{
	static char out[64];
	struct detach detach = {0};

	memset(out, 0, sizeof(out));
	for (size_t i = 0; pieces[i] != NULL; i++) {
		struct typed typed = detach_look(&detach, span_of_text(pieces[i]));

		if (typed.late_p)
			strncat(out, P, 2);
		strncat(out, typed.bytes.at, typed.bytes.length);
		if (typed.detached)
			return strncat(out, "!", 2);
	}
	return out;
}

static void
keys_are_found_wherever_they_are_cut(void **unused)
{
	static const struct {
		const char *pieces[5], *want;
	} cases[] = {
	    {{""}, ""},
	    {{"abc"}, "abc"},
	    {{P Q}, "!"},
	    {{"ab" P Q "cd"}, "ab!"},
	    {{"ab" P, Q "cd"}, "ab!"},
	    {{P, Q}, "!"},
	    {{P, "", Q}, "!"},
	    {{"a" P P Q}, "a" P "!"},
	    {{P, P, Q}, P "!"},
	    {{P, P Q}, P "!"},
	    {{P P, Q}, P "!"},
	    /* none of ours: every byte is passed on, in order */
	    {{Q P}, Q}, /* the last is held back until the next */
	    {{P "x"}, P "x"},
	    {{P, "x"}, P "x"},
	    {{P, "x", Q}, P "x" Q},
	    {{P "x" Q}, P "x" Q},
	    {{Q}, Q},
	    {{P P P, "x"}, P P P "x"},
	    {{P, P, P, "x"}, P P P "x"},
	};

	(void)unused;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_string_equal(passed(cases[i].pieces), cases[i].want);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(keys_are_found_wherever_they_are_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
