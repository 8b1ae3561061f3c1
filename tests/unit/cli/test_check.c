/* The grammars of flag values, each at its edges. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "clients/cli/check.h"
#include "clients/cli/create_request.h"
#include "common/base/clean.h"

#include <cmocka.h> /* after ours: it has a macro called fail */

static const struct {
	enum err (*check)(struct span value, struct why *why);
	const char *text;
	enum err want;
} cases[] = {
    {check_cpu, "1", OK},
    {check_cpu, "0.5", OK},
    {check_cpu, "500m", OK},
    {check_cpu, "0.01", OK},
    {check_cpu, "", ERR_SYNTAX},
    {check_cpu, "m", ERR_SYNTAX},
    {check_cpu, "0", ERR_SYNTAX},
    {check_cpu, "0.0", ERR_SYNTAX},
    {check_cpu, "0m", ERR_SYNTAX},
    {check_cpu, ".5", ERR_SYNTAX},
    {check_cpu, "5.", ERR_SYNTAX},
    {check_cpu, "1.5m", ERR_SYNTAX},
    {check_cpu, "1.2.3", ERR_SYNTAX},
    {check_cpu, "-1", ERR_SYNTAX},
    {check_cpu, "1e3", ERR_SYNTAX},
    {check_memory, "1", OK},
    {check_memory, "512Mi", OK},
    {check_memory, "1E", OK},
    {check_memory, "", ERR_SYNTAX},
    {check_memory, "Mi", ERR_SYNTAX},
    {check_memory, "0Mi", ERR_SYNTAX},
    {check_memory, "1mi", ERR_SYNTAX},
    {check_memory, "1MiB", ERR_SYNTAX},
    {check_memory, "1.5Gi", ERR_SYNTAX},
    {check_memory, "1 Mi", ERR_SYNTAX},
    {check_pair, "a=b", OK},
    {check_pair, "a=", OK},
    {check_pair, "=b", ERR_SYNTAX},
    {check_pair, "a", ERR_SYNTAX},
    {check_env, "A=b", OK},
    {check_env, "_a1=", OK},
    {check_env, "A=b=c", OK},
    {check_env, "1A=b", ERR_SYNTAX},
    {check_env, "A-B=c", ERR_SYNTAX},
    {check_env, "=b", ERR_SYNTAX},
    {check_env, "A", ERR_SYNTAX},
    {check_env, "OPENSHELL_X=1", ERR_SYNTAX},
    {check_env, "OPENSHELLX=1", OK},
    {check_env, "A=b\nc", ERR_SYNTAX},
    {check_since, "5m", OK},
    {check_since, "1d", OK},
    {check_since, "0s", ERR_SYNTAX},
    {check_since, "5", ERR_SYNTAX},
    {check_since, "m", ERR_SYNTAX},
    {check_since, "", ERR_SYNTAX},
    {check_since, "5 m", ERR_SYNTAX},
    {check_sandbox, "a", OK},
    {check_sandbox, "abcdefghij123456789", OK},
    {check_sandbox, "abcdefghij1234567890", ERR_SYNTAX}, /* one more than 19 */
    {check_sandbox, "", ERR_SYNTAX},
    {check_sandbox, "-a", ERR_SYNTAX},
    {check_sandbox, "a-", ERR_SYNTAX},
    {check_sandbox, "a--b", ERR_SYNTAX},
    {check_sandbox, "A", ERR_SYNTAX},
    {check_sandbox, "a_b", ERR_SYNTAX},
};

static void
test_grammars(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct why why = {0};

		if (cases[i].check(span_of_text(cases[i].text), &why) != cases[i].want)
			fail_msg("case %zu: \"%s\"", i, cases[i].text);
		assert_true((why.text[0] != '\0') == (cases[i].want != OK));
	}
}

static void
test_since(void **state)
{
	uint64_t ms = 0;

	(void)state;
	assert_int_equal(since_parse(SPAN("90s"), &ms, NULL), OK);
	assert_int_equal(ms, 90000);
	assert_int_equal(since_parse(SPAN("2h"), &ms, NULL), OK);
	assert_int_equal(ms, 7200000);
}

static const struct {
	const char *from;
	enum err want;
	const char *image;
} images[] = {
    {"base", OK, "r.example/x/base:latest"},
    {"debian:12", OK, "debian:12"},
    {"ghcr.io/a/b", OK, "ghcr.io/a/b"},
    {"no.such", OK, "no.such"},
    {"./none", ERR_NOT_FOUND, NULL},
    {"/none/such", ERR_NOT_FOUND, NULL},
    {"~/x", ERR_NOT_FOUND, NULL},
    {"/", ERR_UNIMPLEMENTED, NULL},
    {"", ERR_INVALID, NULL},
};

static void
test_images(void **state)
{
	auto_arena struct arena arena = {0};

	(void)state;
	for (size_t i = 0; i < COUNT(images); i++) {
		struct why why = {0};
		char *image = NULL;

		assert_int_equal(image_resolve(images[i].from, "r.example/x", &arena, &image, &why), images[i].want);
		if (images[i].want == OK)
			assert_string_equal(image, images[i].image);
		else
			assert_true(image == NULL && why.text[0] != '\0');
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_grammars), cmocka_unit_test(test_since), cmocka_unit_test(test_images)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
