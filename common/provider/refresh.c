/* A configuration of refresh: checked in the order in which people meet the mistakes. */
#include "common/provider/refresh.h"

#include <string.h>

#include "common/base/clean.h"
#include "common/base/text.h"
#include "common/provider/messages.h"
#include "common/provider/profile.h"
#include "common/provider/type.h"

#define BEFORE_S   300
#define LIFETIME_S 3600

/* Material that is secret whoever says nothing, and what each strategy cannot do without. */
static const struct {
	int strategy;
	const char *secret[2];
	const char *required[3];
} strategies[] = {
    {(int)STRATEGY(OAUTH2_REFRESH_TOKEN), {"refresh_token", "client_secret"}, {"client_id", "refresh_token"}},
    {(int)STRATEGY(OAUTH2_CLIENT_CREDENTIALS), {"client_secret"}, {"client_id", "client_secret"}},
    {(int)STRATEGY(GOOGLE_SERVICE_ACCOUNT_JWT), {"private_key"}, {"client_email", "private_key"}},
    {(int)STRATEGY(AWS_STS_ASSUME_ROLE), {"aws_secret_access_key", "aws_session_token"}, {"role_arn"}},
};

static size_t
row_of(int strategy)
{
	size_t row = 0;

	while (row < COUNT(strategies) && strategies[row].strategy != strategy)
		row++;
	return row;
}

static const char *
material_of(const struct refresh_question *question, const char *key)
{
	for (size_t i = 0; i < question->material_count; i++)
		if (strcmp(question->material[i].key, key) == 0)
			return question->material[i].value;
	return NULL;
}

static bool
given(const struct refresh_question *question, const char *key)
{
	const char *value = material_of(question, key);

	return value != NULL && value[0] != '\0';
}

/* ---- checks ---- */

static enum err
shape_check(const struct refresh_question *question, struct why *why)
{
	static const char *const refused[] = {"token_url", "token_uri", "sts_endpoint_url"};

	if (question->material_count > PROVIDER_MATERIAL_MAX)
		return fail(why, ERR_INVALID, "there are %zu entries of material, at most %d", question->material_count,
		    PROVIDER_MATERIAL_MAX);
	for (size_t i = 0; i < COUNT(refused); i++)
		if (material_of(question, refused[i]) != NULL)
			return fail(why, ERR_INVALID,
			    "%s cannot be given: where a secret is sent to is said by the profile alone", refused[i]);
	for (size_t i = 0; i < question->secret_keys_count; i++)
		if (material_of(question, question->secret_keys[i]) == NULL)
			return fail(why, ERR_INVALID, "%.80s is marked as secret and is not among the material",
			    question->secret_keys[i]);
	return OK;
}

/* The strategy: the profile's, which the caller may repeat. */
static enum err
strategy_check(const struct refresh_question *question, const Credential **credential, int *out, struct why *why)
{
	int own;

	if (question->profile == NULL)
		return fail(why, ERR_INVALID, "its type has no profile, so nothing says how it is renewed");
	*credential = provider_credential(question->profile, question->key);
	if (*credential == NULL || (*credential)->refresh == NULL)
		return fail(why, ERR_INVALID, "profile %s does not say how " SPAN_FORMAT " is renewed",
		    text_or(question->profile->id), SPAN_ARGS(span_head(question->key, 80)));
	own = (int)(*credential)->refresh->strategy;
	if (question->strategy != 0 && question->strategy != own)
		return fail(why, ERR_INVALID, "profile %s renews " SPAN_FORMAT " by %s, not by %s",
		    text_or(question->profile->id), SPAN_ARGS(span_head(question->key, 80)),
		    provider_strategy_name(own), provider_strategy_name(question->strategy));
	if (!provider_strategy_mints(own))
		return fail(why, ERR_INVALID, "a credential that is %s is not minted by the gateway; update its value",
		    provider_strategy_name(own));
	if (own == (int)STRATEGY(AWS_STS_ASSUME_ROLE) && !question->sts)
		return fail(why, ERR_STATE, "AWS STS needs the setting providers_v2_enabled");
	*out = own;
	return OK;
}

static enum err
aws_check(const struct refresh_question *question, struct why *why)
{
	bool id = given(question, "aws_access_key_id"), secret = given(question, "aws_secret_access_key");

	if (id != secret)
		return fail(
		    why, ERR_INVALID, "aws_access_key_id and aws_secret_access_key are given together or not at all");
	if (given(question, "aws_session_token") && !id)
		return fail(why, ERR_INVALID, "aws_session_token needs the key pair that it belongs to");
	return OK;
}

static enum err
required_check(const struct refresh_question *question, const Refresh *refresh, int strategy, struct why *why)
{
	size_t row = row_of(strategy);

	for (size_t i = 0; i < COUNT(strategies[row].required) && strategies[row].required[i] != NULL; i++)
		if (!given(question, strategies[row].required[i]))
			return fail(why, ERR_INVALID, "material %s is missing", strategies[row].required[i]);
	for (size_t i = 0; i < refresh->n_material; i++)
		if (refresh->material[i]->has_required && refresh->material[i]->required &&
		    !given(question, text_or(refresh->material[i]->name)))
			return fail(why, ERR_INVALID, "material %.80s is missing", text_or(refresh->material[i]->name));
	return strategy == (int)STRATEGY(AWS_STS_ASSUME_ROLE) ? aws_check(question, why) : OK;
}

/* ---- results ---- */

static bool
is_secret(const struct refresh_question *question, const Refresh *refresh, int strategy, const char *key)
{
	size_t row = row_of(strategy);

	for (size_t i = 0; i < question->secret_keys_count; i++)
		if (strcmp(question->secret_keys[i], key) == 0)
			return true;
	for (size_t i = 0; i < refresh->n_material; i++)
		if (refresh->material[i]->has_secret && refresh->material[i]->secret &&
		    strcmp(text_or(refresh->material[i]->name), key) == 0)
			return true;
	for (size_t i = 0; i < COUNT(strategies[row].secret) && strategies[row].secret[i] != NULL; i++)
		if (strcmp(strategies[row].secret[i], key) == 0)
			return true;
	return false;
}

/* Seconds: of the material, else the profile's, else the usual. */
static enum err
seconds_read(const struct refresh_question *question, const char *key, int64_t profile, int64_t fallback, int64_t *out,
    struct why *why)
{
	const char *text = material_of(question, key);
	uint64_t value;

	*out = profile > 0 ? profile : fallback;
	if (text == NULL)
		return OK;
	if (number_parse(span_of_text(text), 1, 86400, &value, why) != OK)
		return because(why, ERR_INVALID, "material %s", key);
	*out = (int64_t)value;
	return OK;
}

/* "a b" or "a,b" of the material, else the profile's list. */
static enum err
scopes_read(const struct refresh_question *question, const Refresh *refresh, struct arena *arena,
    struct refresh_plan *plan, struct why *why)
{
	const char *text = material_of(question, "scopes");
	const char **list;
	char *copy, *rest;
	size_t n = 0;

	plan->scopes = (const char *const *)refresh->scopes;
	plan->scopes_count = refresh->n_scopes;
	if (text == NULL && (text = material_of(question, "scope")) == NULL)
		return OK;
	copy = arena_text(arena, span_of_text(text));
	list = arena_array(arena, strlen(text) / 2 + 2, sizeof(*list));
	if (copy == NULL || list == NULL)
		return fail(why, ERR_LIMIT, "out of room");
	for (rest = copy; *(rest += strspn(rest, " ,")) != '\0';) {
		size_t length = strcspn(rest, " ,");

		list[n++] = rest;
		rest += length;
		if (*rest != '\0')
			*rest++ = '\0';
	}
	if (n > PROVIDER_MATERIAL_MAX)
		return fail(why, ERR_INVALID, "there are %zu scopes, at most %d", n, PROVIDER_MATERIAL_MAX);
	plan->scopes = list;
	plan->scopes_count = n;
	return OK;
}

/* What is minted beside it, by the variable of its credential. */
static enum err
outputs_read(
    const Profile *profile, const Refresh *refresh, struct arena *arena, struct refresh_plan *plan, struct why *why)
{
	size_t room = refresh->n_additional_outputs + 1;

	plan->outputs = arena_array(arena, room, sizeof(*plan->outputs));
	plan->output_keys = arena_array(arena, room, sizeof(*plan->output_keys));
	if (plan->outputs == NULL || plan->output_keys == NULL)
		return fail(why, ERR_LIMIT, "out of room");
	for (size_t i = 0; i < refresh->n_additional_outputs; i++)
		for (size_t j = 0; j < profile->n_credentials; j++) {
			const Credential *credential = profile->credentials[j];
			const char *line;

			if (credential->n_env_vars == 0 ||
			    strcmp(text_or(credential->name), text_or(refresh->additional_outputs[i]->credential)) != 0)
				continue;
			line = arena_format(
			    arena, "%s=%s", text_or(refresh->additional_outputs[i]->output), credential->env_vars[0]);
			if (line == NULL)
				return fail(why, ERR_LIMIT, "out of room");
			plan->output_keys[plan->outputs_count] = credential->env_vars[0];
			plan->outputs[plan->outputs_count++] = line;
			break;
		}
	return OK;
}

enum err
refresh_plan(const struct refresh_question *question, struct arena *arena, struct refresh_plan *out, struct why *why)
{
	struct refresh_plan plan = {.secret = arena_array(arena, question->material_count + 1, sizeof(bool))};
	const Credential *credential = NULL;
	const Refresh *refresh;
	enum err r;

	if (plan.secret == NULL)
		return fail(why, ERR_LIMIT, "out of room");
	if ((r = shape_check(question, why)) != OK ||
	    (r = strategy_check(question, &credential, &plan.strategy, why)) != OK)
		return r;
	refresh = credential->refresh;
	plan.token_url = text_or(refresh->token_url);
	if ((r = required_check(question, refresh, plan.strategy, why)) != OK ||
	    (r = seconds_read(question, "refresh_before_seconds", refresh->refresh_before_seconds, BEFORE_S,
		 &plan.refresh_before_s, why)) != OK ||
	    (r = seconds_read(question, "max_lifetime_seconds", refresh->max_lifetime_seconds, LIFETIME_S,
		 &plan.max_lifetime_s, why)) != OK ||
	    (r = scopes_read(question, refresh, arena, &plan, why)) != OK ||
	    (r = outputs_read(question->profile, refresh, arena, &plan, why)) != OK)
		return r;
	for (size_t i = 0; i < question->material_count; i++)
		plan.secret[i] = is_secret(question, refresh, plan.strategy, question->material[i].key);
	*out = plan;
	return OK;
}
