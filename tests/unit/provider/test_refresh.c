/* Configuring refresh: what is asked for, what is missing, what is secret; and discovery. */
#include "tests/unit/test.h"

#include <string.h>

#include "common/base/clean.h"
#include "common/provider/discovery.h"
#include "common/provider/profile.h"
#include "common/provider/refresh.h"

static struct arena arena = {.max_bytes = 16u << 20};
static struct provider_profiles profiles;

/* clang-format off */
#define ADC {"client_id", "c"}, {"client_secret", "s"}, {"refresh_token", "r"}
/* clang-format on */

static const struct {
	const char *profile, *key;
	int strategy;
	bool sts;
	struct provider_pair material[6];
	const char *secrets[2];
	enum err want;
	const char *words;
} cases[] = {
    {"google-cloud", "GCP_ADC_ACCESS_TOKEN", 3, false, {ADC}, {NULL}, OK, NULL},
    {"google-cloud", "GCP_ADC_ACCESS_TOKEN", 0, false, {ADC}, {"client_id"}, OK, NULL},
    {"google-cloud", "GCP_ADC_ACCESS_TOKEN", 3, false, {ADC, {"scopes", "a b,c"}}, {NULL}, OK, NULL},
    {"google-cloud", "GCP_ADC_ACCESS_TOKEN", 4, false, {ADC}, {NULL}, ERR_INVALID,
	"by oauth2_refresh_token, not by oauth2_client"},
    {"google-cloud", "GCP_ADC_ACCESS_TOKEN", 3, false, {{"client_id", "c"}, {"client_secret", "s"}}, {NULL},
	ERR_INVALID, "refresh_token is missing"},
    {"google-cloud", "GCP_ADC_ACCESS_TOKEN", 3, false, {ADC, {"token_url", "https://evil.test"}}, {NULL}, ERR_INVALID,
	"token_url cannot be given"},
    {"google-cloud", "GCP_ADC_ACCESS_TOKEN", 3, false, {ADC, {"token_uri", "x"}}, {NULL}, ERR_INVALID,
	"token_uri cannot be given"},
    {"google-cloud", "GCP_ADC_ACCESS_TOKEN", 3, false, {ADC}, {"other"}, ERR_INVALID, "other is marked as secret"},
    {"google-cloud", "GCP_ADC_ACCESS_TOKEN", 3, false, {ADC, {"max_lifetime_seconds", "0"}}, {NULL}, ERR_INVALID,
	"max_lifetime_seconds"},
    {"google-cloud", "GCP_ADC_ACCESS_TOKEN", 3, false, {ADC, {"refresh_before_seconds", "1x"}}, {NULL}, ERR_INVALID,
	"refresh_before_seconds"},
    {"google-cloud", "OTHER", 3, false, {ADC}, {NULL}, ERR_INVALID, "does not say how OTHER"},
    {"github", "GITHUB_TOKEN", 3, false, {ADC}, {NULL}, ERR_INVALID, "does not say how GITHUB_TOKEN"},
    {NULL, "X", 3, false, {ADC}, {NULL}, ERR_INVALID, "no profile"},
    {"aws", "AWS_ACCESS_KEY_ID", 6, false, {{"role_arn", "a"}}, {NULL}, ERR_STATE, "providers_v2_enabled"},
    {"aws", "AWS_ACCESS_KEY_ID", 6, true, {{"role_arn", "a"}}, {NULL}, OK, NULL},
    {"aws", "AWS_ACCESS_KEY_ID", 6, true, {{"external_id", "a"}}, {NULL}, ERR_INVALID, "role_arn is missing"},
    {"aws", "AWS_ACCESS_KEY_ID", 6, true, {{"role_arn", "a"}, {"aws_access_key_id", "k"}}, {NULL}, ERR_INVALID,
	"together"},
    {"aws", "AWS_ACCESS_KEY_ID", 6, true, {{"role_arn", "a"}, {"aws_session_token", "k"}}, {NULL}, ERR_INVALID,
	"needs the key pair"},
    {"aws", "AWS_ACCESS_KEY_ID", 6, true, {{"role_arn", "a"}, {"sts_endpoint_url", "k"}}, {NULL}, ERR_INVALID,
	"sts_endpoint_url cannot"},
    {"aws", "AWS_SECRET_ACCESS_KEY", 6, true, {{"role_arn", "a"}}, {NULL}, ERR_INVALID, "does not say how"},
};

static enum err
ask(size_t i, struct refresh_plan *plan, struct why *why)
{
	struct refresh_question question = {
	    .profile = cases[i].profile == NULL ? NULL : provider_profile(&profiles, span_of_text(cases[i].profile)),
	    .key = span_of_text(cases[i].key),
	    .strategy = cases[i].strategy,
	    .sts = cases[i].sts,
	    .material = cases[i].material,
	    .secret_keys = cases[i].secrets,
	};

	while (question.material_count < COUNT(cases[i].material) &&
	       cases[i].material[question.material_count].key != NULL)
		question.material_count++;
	while (question.secret_keys_count < COUNT(cases[i].secrets) &&
	       cases[i].secrets[question.secret_keys_count] != NULL)
		question.secret_keys_count++;
	return refresh_plan(&question, &arena, plan, why);
}

static void
configurations_are_checked(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct refresh_plan plan = {.strategy = -1};
		struct why why = {0};

		if (ask(i, &plan, &why) != cases[i].want ||
		    (cases[i].words != NULL && strstr(why.text, cases[i].words) == NULL))
			fail_msg("case %zu: %s", i, why.text);
		assert_true((plan.strategy == -1) == (cases[i].want != OK));
	}
}

static void
plans_are_whole(void **state)
{
	struct refresh_plan plan;

	(void)state;
	assert_int_equal(ask(1, &plan, NULL), OK);
	assert_int_equal(plan.strategy, 3);
	assert_string_equal(plan.token_url, "https://oauth2.googleapis.com/token");
	assert_int_equal(plan.scopes_count, 1);
	assert_int_equal(plan.refresh_before_s, 300);
	assert_int_equal(plan.max_lifetime_s, 3600);
	assert_true(plan.secret[0] && plan.secret[1] && plan.secret[2]); /* the first by the caller's word */
	assert_int_equal(ask(2, &plan, NULL), OK);
	assert_false(plan.secret[0] || plan.secret[3]);
	assert_int_equal(plan.scopes_count, 3);
	assert_string_equal(plan.scopes[2], "c");
	assert_int_equal(ask(14, &plan, NULL), OK);
	assert_int_equal(plan.outputs_count, 2);
	assert_string_equal(plan.outputs[1], "session_token=AWS_SESSION_TOKEN");
	assert_string_equal(plan.output_keys[0], "AWS_SECRET_ACCESS_KEY");
}

static void
discovery_names_variables(void **state)
{
	struct provider_discovery list;

	(void)state;
	assert_true(provider_discovery_fixed(SPAN("github"), &list));
	assert_string_equal(list.credentials[1], "GH_TOKEN");
	assert_null(list.credentials[2]);
	assert_true(provider_discovery_fixed(SPAN("google-vertex-ai"), &list));
	assert_string_equal(list.config[0], "VERTEX_AI_PROJECT_ID");
	assert_true(provider_discovery_fixed(SPAN("generic"), &list));
	assert_null(list.credentials[0]);
	assert_false(provider_discovery_fixed(SPAN("pypi"), &list));
	assert_int_equal(
	    provider_discovery_profile(provider_profile(&profiles, SPAN("copilot")), &arena, &list, NULL), OK);
	assert_string_equal(list.credentials[0], "COPILOT_GITHUB_TOKEN");
	assert_string_equal(list.credentials[2], "GITHUB_TOKEN");
	assert_null(list.credentials[3]);
	assert_int_equal(
	    provider_discovery_profile(provider_profile(&profiles, SPAN("aws")), &arena, &list, NULL), ERR_INVALID);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(configurations_are_checked),
	    cmocka_unit_test(plans_are_whole),
	    cmocka_unit_test(discovery_names_variables),
	};
	struct why why;
	int r;

	if (provider_builtins(&arena, &profiles, &why) != OK)
		fail_msg("%s", why.text);
	r = cmocka_run_group_tests(tests, NULL, NULL);
	arena_reset(&arena);
	return r;
}
