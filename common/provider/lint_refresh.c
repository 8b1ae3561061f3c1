/* The lint of refresh: strategies, what they need, and what is minted beside the credential. */
#include <string.h>

#include "common/base/clean.h"
#include "common/policy/findings.h"
#include "common/provider/linting.h"
#include "common/provider/names.h"
#include "common/provider/url.h"

/* What AWS STS mints beside the access key, and the variable that each must fill. */
static const struct {
	const char *output, *variable;
} sts_outputs[] = {{"secret_access_key", "AWS_SECRET_ACCESS_KEY"}, {"session_token", "AWS_SESSION_TOKEN"}};

#define STS_VARIABLE "AWS_ACCESS_KEY_ID"

static const Credential *
credential_of(const Profile *profile, const char *name)
{
	for (size_t i = 0; i < profile->n_credentials; i++)
		if (strcmp(text_or(profile->credentials[i]->name), name) == 0)
			return profile->credentials[i];
	return NULL;
}

static bool
only_variable(const Credential *credential, const char *variable)
{
	return credential->n_env_vars == 1 && strcmp(credential->env_vars[0], variable) == 0;
}

static void
lint_numbers(const struct linting *linting, size_t i, const Refresh *refresh)
{
	if (refresh->refresh_before_seconds < 0)
		lint_error(linting, &refresh->refresh_before_seconds,
		    lint_field("credentials[%zu].refresh.refresh_before_seconds", i), "is negative");
	if (refresh->max_lifetime_seconds < 0)
		lint_error(linting, &refresh->max_lifetime_seconds,
		    lint_field("credentials[%zu].refresh.max_lifetime_seconds", i), "is negative");
}

static void
lint_material(const struct linting *linting, size_t i, const Refresh *refresh)
{
	for (size_t j = 0; j < refresh->n_material; j++) {
		const char *name = refresh->material[j]->name,
			   *field = lint_field("credentials[%zu].refresh.material[%zu].name", i, j);

		if (lint_blank(name)) {
			lint_error(linting, refresh->material[j], field, "is blank");
			continue;
		}
		for (size_t k = 0; k < j; k++)
			if (strcmp(text_or(refresh->material[k]->name), name) == 0)
				lint_error(linting, &refresh->material[j]->name, field, "%s is named twice",
				    finding_quote(name));
	}
}

static void
lint_output(const struct linting *linting, size_t i, size_t j, const Refresh *refresh)
{
	const char *name = text_or(refresh->additional_outputs[j]->output),
		   *to = text_or(refresh->additional_outputs[j]->credential);
	const char *field = lint_field("credentials[%zu].refresh.additional_outputs[%zu]", i, j);
	const Credential *credential = credential_of(linting->profile, to);
	const void *at = refresh->additional_outputs[j];
	size_t row = 0;

	while (row < COUNT(sts_outputs) && strcmp(name, sts_outputs[row].output) != 0)
		row++;
	for (size_t k = 0; k < j; k++)
		if (strcmp(text_or(refresh->additional_outputs[k]->output), name) == 0)
			lint_error(linting, at, field, "output %s is named twice", finding_quote(name));
	if (row == COUNT(sts_outputs))
		lint_error(linting, at, field, "output %s is not known; known are secret_access_key and session_token",
		    finding_quote(name));
	else if (credential == NULL)
		lint_error(linting, at, field, "credential %s is none of this profile", finding_quote(to));
	else if (credential->refresh != NULL)
		lint_error(linting, at, field, "credential %s has a refresh of its own", finding_quote(to));
	else if (credential->n_env_vars != 1)
		lint_error(linting, at, field, "credential %s must have exactly one variable", finding_quote(to));
	else if (!only_variable(credential, sts_outputs[row].variable))
		lint_error(linting, at, field, "output %s must fill %s", name, sts_outputs[row].variable);
}

static void
lint_sts(const struct linting *linting, size_t i, const Refresh *refresh)
{
	const char *field = lint_field("credentials[%zu].refresh.additional_outputs", i);

	if (!only_variable(linting->profile->credentials[i], STS_VARIABLE))
		lint_error(linting, linting->profile->credentials[i], lint_field("credentials[%zu].env_vars", i),
		    "aws_sts_assume_role needs the one variable " STS_VARIABLE);
	for (size_t row = 0; row < COUNT(sts_outputs); row++) {
		bool there = false;

		for (size_t j = 0; j < refresh->n_additional_outputs; j++)
			there |= strcmp(text_or(refresh->additional_outputs[j]->output), sts_outputs[row].output) == 0;
		if (!there)
			lint_error(linting, refresh, field, "%s is missing", sts_outputs[row].output);
	}
}

static void
lint_token_url(const struct linting *linting, size_t i, const Refresh *refresh)
{
	struct why why;

	if (*text_or(refresh->token_url) != '\0' &&
	    provider_url_check(span_of_text(refresh->token_url), PROVIDER_URL_LOOPBACK, &why) != OK)
		lint_error(linting, &refresh->token_url, lint_field("credentials[%zu].refresh.token_url", i),
		    "%s: %.200s", finding_quote(refresh->token_url), why.text);
}

void
lint_refresh(const struct linting *linting, size_t i)
{
	const Refresh *refresh = linting->profile->credentials[i]->refresh;

	if (refresh == NULL)
		return;
	lint_numbers(linting, i, refresh);
	lint_material(linting, i, refresh);
	lint_token_url(linting, i, refresh);
	if (!refresh->has_strategy || *provider_strategy_name((int)refresh->strategy) == '\0') {
		lint_error(
		    linting, refresh, lint_field("credentials[%zu].refresh.strategy", i), "is missing or not known");
		return;
	}
	if (refresh->strategy == STRATEGY(AWS_STS_ASSUME_ROLE))
		lint_sts(linting, i, refresh);
	else if (refresh->n_additional_outputs > 0)
		lint_error(linting, refresh, lint_field("credentials[%zu].refresh.additional_outputs", i),
		    "strategy %s mints nothing else", provider_strategy_name((int)refresh->strategy));
	for (size_t j = 0; refresh->strategy == STRATEGY(AWS_STS_ASSUME_ROLE) && j < refresh->n_additional_outputs; j++)
		lint_output(linting, i, j, refresh);
}
