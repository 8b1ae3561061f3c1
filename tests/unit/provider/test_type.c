/* Names of types, keys and providers. */
#include "tests/unit/test.h"

#include <string.h>

#include "common/base/clean.h"
#include "common/provider/discovery.h"
#include "common/provider/names.h"
#include "common/provider/type.h"

#define HEX_64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void
types_have_one_name(void **state)
{
	static const struct {
		const char *name, *type;
		bool known;
	} cases[] = {{"Claude", "claude-code", true}, {"claude_code", "claude-code", true}, {"GH", "github", true},
	    {"glab", "gitlab", true}, {"gcp", "google-cloud", true}, {"Vertex-AI", "google-vertex-ai", true},
	    {"openai", "openai", true}, {"aws-s3", "aws-s3", true}, {"Mine", "Mine", false}, {"", "", false},
	    {"claud", "claud", false}, {"claude-codes", "claude-codes", false}};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		assert_true(span_is(provider_type(span_of_text(cases[i].name)), cases[i].type));
		assert_int_equal(provider_type_known(span_of_text(cases[i].name)), cases[i].known);
	}
}

static void
commands_tell_a_type(void **state)
{
	static const struct {
		const char *command, *type;
	} cases[] = {{"claude", "claude-code"}, {"/usr/local/bin/codex", "codex"}, {"./gh", "github"}, {"bash", ""},
	    {"/opt/claude/run", ""}, {"", ""}, {"aws", ""}, {"/", ""}};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_true(span_is(provider_type_of_command(span_of_text(cases[i].command)), cases[i].type));
}

static void
keys_are_variables(void **state)
{
	char longest[PROVIDER_KEY_MAX + 2];
	static const struct {
		const char *key;
		enum err want;
	} cases[] = {{"GITHUB_TOKEN", OK}, {"_a1", OK}, {"A", OK}, {"", ERR_INVALID}, {"1A", ERR_INVALID},
	    {"A-B", ERR_INVALID}, {"A B", ERR_INVALID}, {"A=B", ERR_INVALID}, {"\xc3\xa4", ERR_INVALID},
	    {"OPENSHELL_X", ERR_INVALID}, {"OPENSHELLX", OK}, {"v12_KEY", ERR_INVALID}, {"v_KEY", OK}, {"v1x_KEY", OK},
	    {"V1_KEY", OK}, {"v1", OK}, {"s" HEX_64 "_K", ERR_INVALID}, {"s" HEX_64 "0_K", OK}, {"s_K", OK}};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct why why = {0};

		assert_int_equal(provider_key_check(span_of_text(cases[i].key), &why), cases[i].want);
		assert_true(cases[i].want == OK || why.text[0] != '\0');
	}
	memset(longest, 'A', sizeof(longest));
	assert_int_equal(provider_key_check(span_of_bytes(longest, PROVIDER_KEY_MAX), NULL), OK);
	assert_int_equal(provider_key_check(span_of_bytes(longest, PROVIDER_KEY_MAX + 1), NULL), ERR_RANGE);
}

static void
names_are_plain(void **state)
{
	char longest[PROVIDER_NAME_MAX + 2];
	static const struct {
		const char *name;
		enum err want;
	} cases[] = {{"github", OK}, {"my.github-2_x", OK}, {"", ERR_RANGE}, {"-a", ERR_INVALID}, {".a", ERR_INVALID},
	    {"a/b", ERR_INVALID}, {"a b", ERR_INVALID}, {"a\n", ERR_INVALID}, {"a,b", ERR_INVALID}};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_int_equal(provider_name_check(span_of_text(cases[i].name), NULL), cases[i].want);
	memset(longest, 'a', sizeof(longest));
	assert_int_equal(provider_name_check(span_of_bytes(longest, PROVIDER_NAME_MAX), NULL), OK);
	assert_int_equal(provider_name_check(span_of_bytes(longest, PROVIDER_NAME_MAX + 1), NULL), ERR_RANGE);
}

static void
enums_have_words(void **state)
{
	int number = -7;

	(void)state;
	assert_true(provider_category(SPAN("Source-Control"), &number) && number == 4);
	assert_true(provider_strategy(SPAN("aws-sts-assume-role"), &number) && number == 6);
	number = -7;
	assert_false(provider_category(SPAN(""), &number) || provider_category(SPAN("unspecified"), &number) ||
		     provider_strategy(SPAN("aws"), &number));
	assert_int_equal(number, -7);
	assert_string_equal(provider_category_name(7), "knowledge");
	assert_string_equal(provider_category_name(8), "");
	assert_string_equal(provider_strategy_name(-1), "");
	assert_true(provider_strategy_mints(3) && provider_strategy_mints(6));
	assert_false(provider_strategy_mints(2) || provider_strategy_mints(7) || provider_strategy_mints(0));
}

static void
variables_that_look_secret(void **state)
{
	static const struct {
		const char *name;
		bool secret;
	} cases[] = {{"OPENAI_API_KEY", true}, {"TOKEN", true}, {"my_password", true}, {"GITHUB_PAT", true},
	    {"KEYBOARD", false}, {"MONKEY", false}, {"TOKENIZERS_PARALLELISM", false}, {"PATH", false}, {"", false},
	    {"OPENAI_BASE_URL", false}};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_int_equal(provider_looks_secret(span_of_text(cases[i].name)), cases[i].secret);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(types_have_one_name),
	    cmocka_unit_test(commands_tell_a_type),
	    cmocka_unit_test(keys_are_variables),
	    cmocka_unit_test(names_are_plain),
	    cmocka_unit_test(enums_have_words),
	    cmocka_unit_test(variables_that_look_secret),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
