/* The lint of credentials: names, variables, how they are used, and which may be discovered. */
#include <string.h>

#include "common/base/clean.h"
#include "common/policy/findings.h"
#include "common/provider/linting.h"
#include "common/provider/type.h"

#define TEMPLATE_SLOT "{credential}"

/* ---- names and variables ---- */

static void
lint_name(const struct linting *linting, size_t i)
{
	const Credential *credential = linting->profile->credentials[i];
	const char *field = lint_field("credentials[%zu].name", i);

	if (lint_blank(credential->name)) {
		lint_error(linting, credential, field, "is missing");
		return;
	}
	for (size_t j = 0; j < i; j++)
		if (strcmp(text_or(linting->profile->credentials[j]->name), credential->name) == 0)
			lint_error(linting, &credential->name, field, "%s is the name of credentials[%zu], too",
			    finding_quote(credential->name), j);
}

/* Does a variable stand before this place in the profile? */
static bool
variable_before(const Profile *profile, size_t credential, size_t variable, const char *name)
{
	for (size_t i = 0; i <= credential; i++)
		for (size_t j = 0; j < profile->credentials[i]->n_env_vars; j++) {
			if (i == credential && j == variable)
				return false;
			if (strcmp(profile->credentials[i]->env_vars[j], name) == 0)
				return true;
		}
	return false;
}

static void
lint_variables(const struct linting *linting, size_t i)
{
	const Credential *credential = linting->profile->credentials[i];
	struct why why;

	for (size_t j = 0; j < credential->n_env_vars; j++) {
		const char *name = credential->env_vars[j], *field = lint_field("credentials[%zu].env_vars[%zu]", i, j);

		if (lint_blank(name))
			lint_error(linting, &credential->env_vars[j], field, "is blank");
		else if (provider_key_check(span_of_text(name), &why) != OK)
			lint_error(
			    linting, &credential->env_vars[j], field, "%s: %.200s", finding_quote(name), why.text);
		else if (variable_before(linting->profile, i, j, name))
			lint_error(linting, &credential->env_vars[j], field, "%s is named twice in this profile",
			    finding_quote(name));
	}
	if (credential->n_env_vars == 0 && credential->token_grant == NULL)
		lint_warning(linting, credential, lint_field("credentials[%zu].env_vars", i),
		    "is empty: no variable carries this credential");
}

/* ---- how it is used ---- */

static size_t
occurrences(const char *text, const char *word)
{
	size_t n = 0;

	for (const char *at = text; (at = strstr(at, word)) != NULL; at += strlen(word))
		n++;
	return n;
}

static void
lint_style(const struct linting *linting, size_t i)
{
	static const struct {
		const char *style, *field;
	} styles[] = {{"", NULL}, {"basic", NULL}, {"bearer", "header_name"}, {"header", "header_name"},
	    {"query", "query_param"}, {"path", "path_template"}};
	const Credential *credential = linting->profile->credentials[i];
	const char *style = text_or(credential->auth_style);
	size_t row = 0;
	const ProtobufCFieldDescriptor *field;

	while (row < COUNT(styles) && strcmp(style, styles[row].style) != 0)
		row++;
	if (row == COUNT(styles)) {
		lint_error(linting, &credential->auth_style, lint_field("credentials[%zu].auth_style", i),
		    "%s is not known; known are basic, bearer, header, query and path", finding_quote(style));
		return;
	}
	if (credential->exact_place && *style == '\0')
		lint_error(linting, &credential->exact_place, lint_field("credentials[%zu].exact_place", i),
		    "needs auth_style, which says the place");
	if (styles[row].field == NULL)
		return;
	field = protobuf_c_message_descriptor_get_field_by_name(credential->base.descriptor, styles[row].field);
	if (lint_blank(*(char *const *)((const char *)credential + field->offset)))
		lint_error(linting, &credential->auth_style, lint_field("credentials[%zu].%s", i, styles[row].field),
		    "is missing; auth_style %s needs it", style);
	else if (strcmp(style, "path") == 0 && occurrences(credential->path_template, TEMPLATE_SLOT) != 1)
		lint_error(linting, &credential->path_template, lint_field("credentials[%zu].path_template", i),
		    "%s must hold " TEMPLATE_SLOT " exactly once", finding_quote(credential->path_template));
}

/* ---- discovery ---- */

static bool
has_credential(const Profile *profile, const char *name)
{
	for (size_t i = 0; i < profile->n_credentials; i++)
		if (strcmp(text_or(profile->credentials[i]->name), name) == 0)
			return true;
	return false;
}

static void
lint_discovery(const struct linting *linting)
{
	const Openshell__V1__ProviderProfileDiscovery *discovery = linting->profile->discovery;

	for (size_t i = 0; discovery != NULL && i < discovery->n_credentials; i++) {
		const char *name = discovery->credentials[i], *field = lint_field("discovery.credentials[%zu]", i);
		bool twice = false;

		for (size_t j = 0; j < i; j++)
			twice |= strcmp(discovery->credentials[j], name) == 0;
		if (lint_blank(name))
			lint_error(linting, &discovery->credentials[i], field, "is blank");
		else if (twice)
			lint_error(
			    linting, &discovery->credentials[i], field, "%s is named twice", finding_quote(name));
		else if (!has_credential(linting->profile, name))
			lint_error(linting, &discovery->credentials[i], field, "%s is no credential of this profile",
			    finding_quote(name));
	}
}

void
lint_credentials(const struct linting *linting)
{
	const Profile *profile = linting->profile;

	if (profile->n_credentials > PROVIDER_KEYS_MAX)
		lint_error(linting, &profile->credentials, "credentials", "there are %zu, at most %d",
		    profile->n_credentials, PROVIDER_KEYS_MAX);
	for (size_t i = 0; i < profile->n_credentials && i < PROVIDER_KEYS_MAX; i++) {
		lint_name(linting, i);
		lint_variables(linting, i);
		lint_style(linting, i);
		lint_refresh(linting, i);
		lint_grant(linting, i);
	}
	lint_discovery(linting);
}
