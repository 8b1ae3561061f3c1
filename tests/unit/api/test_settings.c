/* settings: the keys that there are, and what each may be. */
#include "tests/unit/test.h"

#include "common/base/clean.h"
#include "services/api/settings.h"

#define VALUE(name) OPENSHELL__SANDBOX__V1__SETTING_VALUE__VALUE_##name

static const struct {
	const char *key;
	Openshell__Sandbox__V1__SettingValue__ValueCase kind;
	bool flag;
	const char *text;
	enum err want;
	const char *out;
} cases[] = {
    {"ocsf_json_enabled", VALUE(BOOL_VALUE), true, NULL, OK, "true"},
    {"ocsf_json_enabled", VALUE(BOOL_VALUE), false, NULL, OK, "false"},
    {"providers_v2_enabled", VALUE(BOOL_VALUE), true, NULL, OK, "true"},
    {"agent_policy_proposals_enabled", VALUE(BOOL_VALUE), true, NULL, OK, "true"},
    {"proposal_approval_mode", VALUE(STRING_VALUE), false, "manual", OK, "manual"},
    {"proposal_approval_mode", VALUE(STRING_VALUE), false, "auto", OK, "auto"},
    {"ocsf_json_enabled", VALUE(STRING_VALUE), false, "true", ERR_INVALID, NULL}, /* a word for a flag */
    {"ocsf_json_enabled", VALUE(INT_VALUE), false, NULL, ERR_INVALID, NULL},
    {"ocsf_json_enabled", VALUE(_NOT_SET), false, NULL, ERR_INVALID, NULL},
    {"proposal_approval_mode", VALUE(BOOL_VALUE), true, NULL, ERR_INVALID, NULL},
    {"proposal_approval_mode", VALUE(STRING_VALUE), false, "Auto", ERR_INVALID, NULL},
    {"proposal_approval_mode", VALUE(STRING_VALUE), false, "", ERR_INVALID, NULL},
    {"proposal_approval_mode", VALUE(STRING_VALUE), false, "manually", ERR_INVALID, NULL},
};

static void
values(void **unused)
{
	(void)unused;
	for (size_t i = 0; i < COUNT(cases); i++) {
		Openshell__Sandbox__V1__SettingValue value = OPENSHELL__SANDBOX__V1__SETTING_VALUE__INIT, shown = value;
		const struct setting_key *key;
		struct span out = SPAN_NONE;
		struct why why = {0};

		assert_int_equal(setting_key_find(span_of_text(cases[i].key), &key, &why), OK);
		value.value_case = cases[i].kind;
		if (cases[i].kind == VALUE(STRING_VALUE))
			value.string_value = (char *)(uintptr_t)cases[i].text;
		else if (cases[i].kind == VALUE(BOOL_VALUE))
			value.bool_value = cases[i].flag;
		assert_int_equal(setting_value_read(key, &value, &out, &why), cases[i].want);
		if (cases[i].want != OK) {
			assert_non_null(strstr(why.text, "setting_value: "));
			assert_null(out.at);
			continue;
		}
		assert_true(span_is(out, cases[i].out));
		setting_value_view(key, (char *)(uintptr_t)cases[i].out, &shown);
		assert_int_equal(shown.value_case, cases[i].kind);
		if (key->flag)
			assert_int_equal(shown.bool_value, cases[i].flag);
		else
			assert_string_equal(shown.string_value, cases[i].text);
	}
}

static void
keys(void **unused)
{
	static const char *const wrong[] = {
	    "", "policy", "OCSF_JSON_ENABLED", "ocsf_json_enabled ", "ocsf_json_enable"};
	Openshell__Sandbox__V1__SettingValue unset = OPENSHELL__SANDBOX__V1__SETTING_VALUE__INIT;

	(void)unused;
	for (size_t i = 0; i < COUNT(wrong); i++) {
		const struct setting_key *key = NULL;
		struct why why = {0};

		assert_int_equal(setting_key_find(span_of_text(wrong[i]), &key, &why), ERR_INVALID);
		assert_null(key);
		assert_non_null(strstr(why.text, "setting_key: unknown setting"));
		assert_non_null(strstr(why.text, "proposal_approval_mode"));
	}
	setting_value_view(&setting_keys[0], NULL, &unset);
	assert_int_equal(unset.value_case, VALUE(_NOT_SET));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(values),
	    cmocka_unit_test(keys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
