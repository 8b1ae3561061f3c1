/* The lint of profiles: identity, and what comes together. */
#include "common/provider/lint.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/policy/findings.h"
#include "common/provider/builtin.h"
#include "common/provider/linting.h"
#include "common/provider/type.h"

/* ---- findings ---- */

void
lint_say(const struct linting *linting, bool warning, const void *at, const char *field, const char *format, ...)
{
	va_list list;

	va_start(list, format);
	profile_finding_put(linting->findings, warning, at, linting->source, linting->profile->id, field, format, list);
	va_end(list);
}

const char *
lint_field_into(char to[LINT_FIELD_BYTES], const char *format, ...)
{
	va_list list;

	va_start(list, format);
	vsnprintf(to, LINT_FIELD_BYTES, format, list);
	va_end(list);
	return to;
}

bool
lint_blank(const char *text)
{
	return text == NULL || text[strspn(text, " \t\r\n")] == '\0';
}

/* ---- identity ---- */

/* Small letters and digits in words with one hyphen between them. */
static bool
is_kebab(const char *id)
{
	for (const char *c = id; *c != '\0'; c++) {
		bool word = (*c >= 'a' && *c <= 'z') || (*c >= '0' && *c <= '9');

		if (!word && (*c != '-' || c == id || c[1] == '-' || c[1] == '\0'))
			return false;
	}
	return *id != '\0';
}

static void
lint_identity(const struct linting *linting)
{
	const Profile *profile = linting->profile;
	const char *id = text_or(profile->id);

	if (lint_blank(id))
		lint_error(linting, profile, "id", "is missing");
	else if (!is_kebab(id))
		lint_error(linting, &profile->id, "id",
		    "%s: small letters and digits, with single hyphens between words", finding_quote(id));
	else if (strlen(id) > PROVIDER_TYPE_MAX)
		lint_error(linting, &profile->id, "id", "has %zu bytes, at most %d", strlen(id), PROVIDER_TYPE_MAX);
}

void
provider_lint(const Profile *profile, const char *source, struct profile_findings *findings)
{
	const struct linting linting = {profile, source, findings};

	lint_identity(&linting);
	lint_credentials(&linting);
	lint_endpoints(&linting);
}

/* ---- what comes together ---- */

static bool
again(Item *const *items, size_t i)
{
	for (size_t j = 0; j < i; j++)
		if (items[j]->profile != NULL && strcmp(text_or(items[j]->profile->id), items[i]->profile->id) == 0)
			return true;
	return false;
}

void
provider_lint_items(Item *const *items, size_t n, struct profile_findings *findings)
{
	if (n == 0)
		profile_finding_add(findings, false, "", "", "profiles", "there is none");
	for (size_t i = 0; i < n; i++) {
		const struct linting linting = {items[i]->profile, items[i]->source, findings};

		if (items[i]->profile == NULL) {
			profile_finding_add(findings, false, items[i]->source, "", "profile", "is missing");
			continue;
		}
		provider_lint(items[i]->profile, items[i]->source, findings);
		if (lint_blank(items[i]->profile->id))
			continue;
		if (provider_builtin(span_of_text(items[i]->profile->id)))
			lint_error(&linting, &items[i]->profile->id, "id",
			    "%s is built in and cannot be replaced; choose another id", items[i]->profile->id);
		if (again(items, i))
			lint_error(&linting, &items[i]->profile->id, "id", "%s comes more than once",
			    finding_quote(items[i]->profile->id));
	}
}
