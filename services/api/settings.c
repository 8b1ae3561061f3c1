/* settings: one table of the keys. */
#include "services/api/settings.h"

#include <string.h>

#include "common/base/log.h"
#include "common/base/text.h"

static const char *const approval_modes[] = {"manual", "auto", NULL};

const struct setting_key setting_keys[] = {
    {"agent_policy_proposals_enabled", true, NULL},
    {"ocsf_json_enabled", true, NULL},
    {"proposal_approval_mode", false, approval_modes},
    {"providers_v2_enabled", true, NULL},
    {NULL, false, NULL},
};

enum err
setting_key_find(struct span key, const struct setting_key **out, struct why *why)
{
	char known[256];
	struct text text = TEXT_OF(known);

	for (const struct setting_key *at = setting_keys; at->key != NULL; at++) {
		if (span_is(key, at->key)) {
			*out = at;
			return OK;
		}
		text_add(&text, "%s%s", at == setting_keys ? "" : ", ", at->key);
	}
	return fail(
	    why, ERR_INVALID, "setting_key: unknown setting '%s'; there are %s", log_quote(span_head(key, 64)), known);
}

static enum err
choice_read(const struct setting_key *key, const char *word, struct span *out, struct why *why)
{
	char allowed[128];
	struct text text = TEXT_OF(allowed);

	for (const char *const *choice = key->choices; *choice != NULL; choice++) {
		if (strcmp(*choice, word) == 0) {
			*out = span_of_text(*choice);
			return OK;
		}
		text_add(&text, "%s%s", choice == key->choices ? "" : " or ", *choice);
	}
	return fail(why, ERR_INVALID, "setting_value: '%s' is no value of %s, which is %s",
	    log_quote(span_head(span_of_text(word), 64)), key->key, allowed);
}

enum err
setting_value_read(
    const struct setting_key *key, const Openshell__Sandbox__V1__SettingValue *value, struct span *out, struct why *why)
{
	if (key->flag && value->value_case == OPENSHELL__SANDBOX__V1__SETTING_VALUE__VALUE_BOOL_VALUE) {
		*out = value->bool_value ? SPAN("true") : SPAN("false");
		return OK;
	}
	if (!key->flag && value->value_case == OPENSHELL__SANDBOX__V1__SETTING_VALUE__VALUE_STRING_VALUE)
		return choice_read(key, value->string_value, out, why);
	return fail(
	    why, ERR_INVALID, "setting_value: %s takes a %s", key->key, key->flag ? "bool_value" : "string_value");
}

void
setting_value_view(const struct setting_key *key, char *text, Openshell__Sandbox__V1__SettingValue *out)
{
	if (text == NULL)
		return;
	if (key->flag) {
		out->value_case = OPENSHELL__SANDBOX__V1__SETTING_VALUE__VALUE_BOOL_VALUE;
		out->bool_value = strcmp(text, "true") == 0;
		return;
	}
	out->value_case = OPENSHELL__SANDBOX__V1__SETTING_VALUE__VALUE_STRING_VALUE;
	out->string_value = text;
}
