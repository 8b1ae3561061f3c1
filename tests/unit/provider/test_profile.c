/* Profiles: the built-in ones are all there and in order, files are read with the place of every mistake. */
#include "tests/unit/test.h"

#include <string.h>

#include "common/base/clean.h"
#include "common/provider/messages.h"
#include "common/provider/profile.h"
#include "common/provider/profile_read.h"

static struct arena arena = {.max_bytes = 16u << 20};

static void
builtins_are_thirteen_and_clean(void **state)
{
	static const struct {
		const char *id;
		size_t credentials, endpoints, binaries;
		bool inference;
	} rows[] = {{"aws", 3, 0, 0, false}, {"aws-bedrock", 4, 0, 0, true}, {"aws-s3", 3, 6, 8, false},
	    {"claude-code", 1, 3, 2, true}, {"codex", 4, 4, 3, true}, {"copilot", 1, 7, 2, false},
	    {"cursor", 0, 5, 3, false}, {"deepinfra", 1, 1, 2, true}, {"github", 1, 3, 4, false},
	    {"google-cloud", 2, 0, 0, false}, {"google-vertex-ai", 3, 4, 0, true}, {"nvidia", 1, 1, 2, true},
	    {"pypi", 0, 6, 8, false}};
	struct provider_profiles profiles;
	struct why why = {0};

	(void)state;
	if (provider_builtins(&arena, &profiles, &why) != OK)
		fail_msg("%s", why.text);
	assert_int_equal(profiles.count, COUNT(rows));
	for (size_t i = 0; i < COUNT(rows); i++) {
		const Profile *profile = provider_profile(&profiles, span_of_text(rows[i].id));
		struct profile_findings findings = {.arena = &arena};

		assert_non_null(profile);
		assert_string_equal(profile->source, "builtin");
		assert_int_equal(profile->n_credentials, rows[i].credentials);
		assert_int_equal(profile->n_endpoints, rows[i].endpoints);
		assert_int_equal(profile->n_binaries, rows[i].binaries);
		assert_int_equal(profile->inference_capable, rows[i].inference);
		provider_lint(profile, "", &findings);
		for (size_t j = 0; j < findings.count; j++)
			print_message("%s: %s %s\n", rows[i].id, findings.items[j].field, findings.items[j].message);
		assert_int_equal(findings.errors, 0);
	}
	assert_null(provider_profile(&profiles, SPAN("openai")));
	assert_true(provider_builtin(SPAN("aws-s3")));
	assert_false(provider_builtin(SPAN("aws-s")));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(builtins_are_thirteen_and_clean),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
