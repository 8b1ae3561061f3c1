/* Refresh as clients see it: looked at and configured. refresh_run.c does the renewing. */
#include <stdlib.h>

#include "common/base/clean.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/provider/refresh.h"
#include "common/wire/protobuf.h"
#include "services/state/configure.h"
#include "services/state/refreshes.h"

#define FIRST_MS	5000 /* after it is configured, unless somebody asks for it earlier */
#define MATERIAL_SEALED "-"  /* stands for a value that only credentials can read */

const char *
refresh_object(struct arena *arena, struct span workspace, struct span provider, struct span key)
{
	return arena_format(arena, SPAN_FORMAT "/" SPAN_FORMAT " " SPAN_FORMAT, SPAN_ARGS(workspace),
	    SPAN_ARGS(span_head(provider, 120)), SPAN_ARGS(span_head(key, 100)));
}

enum err
refresh_states(struct state *state, struct id provider, struct span key, struct arena *arena,
    struct msg_refresh_states *out, struct why *why)
{
	struct args args = {0};
	auto_rows rows = {0};
	enum err r;

	args_id(&args, provider);
	args_text(&args, key);
	if ((r = db_run(&state->db, SQL_REFRESHES, &args, &rows, why)) != OK)
		return r;
	if ((out->states = arena_array(arena, (size_t)rows.n + 1, sizeof(*out->states))) == NULL)
		return fail(why, ERR_LIMIT, "the answer needs too much memory");
	for (int i = 0; i < rows.n; i++) {
		struct msg_refresh_state *at = &out->states[out->states_n++];

		*at = (struct msg_refresh_state){.provider = rows_id(&rows, i, 1),
		    .strategy = (uint8_t)rows_number(&rows, i, 3),
		    .expires_ms = rows_number(&rows, i, 5),
		    .next_ms = rows_number(&rows, i, 6),
		    .last_ms = rows_number(&rows, i, 7)};
		if (arena_span(arena, rows_span(&rows, i, 0), &at->key) != OK ||
		    arena_span(arena, rows_span(&rows, i, 2), &at->provider_name) != OK ||
		    arena_span(arena, rows_span(&rows, i, 4), &at->status) != OK ||
		    arena_span(arena, rows_span(&rows, i, 8), &at->error) != OK)
			return fail(why, ERR_LIMIT, "the answer needs too much memory");
	}
	return OK;
}

enum err
refresh_missing(struct span key, struct why *why)
{
	return fail(why, ERR_NOT_FOUND, "no refresh is configured for credential '" SPAN_FORMAT "'", SPAN_ARGS(key));
}

/*
 * What renews a provider's credentials.
 *
 * in      refresh_get, from api
 * out     refresh_states
 * errors  ERR_NOT_FOUND no such provider, or this credential is not renewed
 */
enum err
refresh_get(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	const struct msg_refresh_get *in = &m->refresh_get;
	struct id provider;
	enum err r;

	answer->id = REFRESH_STATES;
	if ((r = state_serving(self, why)) != OK ||
	    (r = provider_hold(self, in->workspace, in->provider, &provider, why)) != OK ||
	    (r = refresh_states(self, provider, in->key, m->arena, &answer->refresh_states, why)) != OK)
		return r;
	if (in->key.length > 0 && answer->refresh_states.states_n == 0)
		return refresh_missing(in->key, why);
	return OK;
}

/* ---- configure ---- */

static enum err
material_pairs(struct storing *storing, struct provider_pair **out, const char ***secret_keys, struct why *why)
{
	const struct msg_refresh_configure *in = &storing->kept.m.refresh_configure;
	struct arena *arena = &storing->kept.arena;
	struct provider_pair *pairs = arena_array(arena, in->material_n + in->secrets_n + 1, sizeof(*pairs));
	size_t n = 0;

	*out = pairs;
	if (pairs == NULL || (*secret_keys = arena_array(arena, in->secrets_n + 1, sizeof(**secret_keys))) == NULL)
		return fail(why, ERR_LIMIT, "the request needs too much memory");
	for (size_t i = 0; i < in->material_n; i++, n++) {
		struct span value = in->material[i], key = span_cut(&value, '=');

		pairs[n] = (struct provider_pair){arena_text(arena, key), arena_text(arena, value)};
	}
	for (size_t i = 0; i < in->secrets_n; i++, n++) {
		pairs[n] = (struct provider_pair){arena_text(arena, in->secrets[i].key), MATERIAL_SEALED};
		(*secret_keys)[i] = pairs[n].key;
	}
	for (size_t i = 0; i < n; i++)
		if (pairs[i].key == NULL || pairs[i].value == NULL)
			return fail(why, ERR_LIMIT, "the request needs too much memory");
	return OK;
}

static enum err
sts_allowed(struct state *state, struct arena *arena, bool *out, struct why *why)
{
	struct effective settings = {0};
	enum err r = settings_effective(state, (struct id){{0}}, arena, &settings, why);

	*out = r == OK && effective_derives(&settings);
	return r;
}

/* What the profile says of it, once more: a record may have another profile by now than api saw. */
static enum err
plan_of(struct storing *storing, struct refresh_plan *out, struct why *why)
{
	const struct msg_refresh_configure *in = &storing->kept.m.refresh_configure;
	struct arena *arena = &storing->kept.arena;
	struct refresh_question question = {.key = in->key,
	    .strategy = in->strategy,
	    .material_count = in->material_n + in->secrets_n,
	    .secret_keys_count = in->secrets_n};
	ProtobufCMessage *profile = NULL;
	struct provider_pair *pairs;
	const char **secret_keys;
	struct span bytes;
	enum err r;

	if ((r = provider_profile_bytes(storing->state, storing->provider, arena, &bytes, why)) != OK ||
	    (r = material_pairs(storing, &pairs, &secret_keys, why)) != OK ||
	    (r = sts_allowed(storing->state, arena, &question.sts, why)) != OK)
		return r;
	if (bytes.length > 0 &&
	    (r = protobuf_read(&openshell__v1__provider_profile__descriptor, bytes, arena, &profile, why)) != OK)
		return because(why, ERR_INTERNAL, "stored profile");
	question.profile = (Openshell__V1__ProviderProfile *)profile;
	question.material = pairs;
	question.secret_keys = secret_keys;
	if ((r = refresh_plan(&question, arena, out, why)) != OK)
		return r;
	for (size_t i = 0; i < in->material_n; i++)
		if (out->secret[i])
			return fail(why, ERR_INVALID, "material: %s is a secret and came in clear", pairs[i].key);
	return OK;
}

static uint64_t
positive_ms(int64_t seconds, uint64_t or_ms)
{
	return seconds <= 0 ? or_ms : (uint64_t)seconds > 86400 ? 86400000 : (uint64_t)seconds * 1000;
}

static enum err
texts_args(struct args *args, const char *const *texts, size_t n, const char *first)
{
	struct span *spans = arena_array(args->arena, n + 1, sizeof(*spans));
	size_t count = 0;

	if (spans == NULL)
		return ERR_LIMIT;
	if (first != NULL)
		spans[count++] = span_of_text(first);
	for (size_t i = 0; i < n; i++)
		spans[count++] = span_of_text(texts[i]);
	args_texts(args, spans, count);
	return OK;
}

static enum err
keys_free(struct storing *storing, const struct refresh_plan *plan, const char *key, struct why *why)
{
	struct args args = {.arena = &storing->kept.arena};
	auto_rows rows = {0};
	enum err r;

	args_id(&args, storing->provider);
	if (texts_args(&args, plan->output_keys, plan->outputs_count, key) != OK)
		return fail(why, ERR_LIMIT, "the request needs too much memory");
	if ((r = db_run(&storing->state->db, SQL_KEYS_CLASH, &args, &rows, why)) != OK || rows.n == 0)
		return r;
	return fail(why, ERR_STATE,
	    "credential '" SPAN_FORMAT "' is delivered by provider '" SPAN_FORMAT "' too, which sandbox '" SPAN_FORMAT
	    "' has attached",
	    SPAN_ARGS(rows_span(&rows, 0, 0)), SPAN_ARGS(rows_span(&rows, 0, 1)), SPAN_ARGS(rows_span(&rows, 0, 2)));
}

static enum err
row_save(struct storing *storing, const struct refresh_plan *plan, const char *key, struct why *why)
{
	const struct msg_refresh_configure *in = &storing->kept.m.refresh_configure;
	uint64_t now_ms = (uint64_t)clock_wall_ms(), before_ms = positive_ms(plan->refresh_before_s, 300000),
		 next_ms = 0;
	bool mints = provider_strategy_mints(plan->strategy);
	struct args args = {.arena = &storing->kept.arena};

	if (mints && in->expires_ms > now_ms + before_ms)
		next_ms = in->expires_ms - before_ms;
	else if (mints)
		next_ms = now_ms + FIRST_MS;
	args_id(&args, storing->provider);
	args_text(&args, in->key);
	args_number(&args, (uint64_t)plan->strategy);
	args_text(&args, span_of_text(plan->token_url));
	if (texts_args(&args, plan->scopes, plan->scopes_count, NULL) != OK)
		return fail(why, ERR_LIMIT, "the request needs too much memory");
	args_texts(&args, in->material, in->material_n);
	if (texts_args(&args, plan->outputs, plan->outputs_count, NULL) != OK ||
	    texts_args(&args, plan->output_keys, mints ? plan->outputs_count : 0, mints ? key : NULL) != OK)
		return fail(why, ERR_LIMIT, "the request needs too much memory");
	args_number(&args, before_ms);
	args_number(&args, positive_ms(plan->max_lifetime_s, 3600000));
	args_number(&args, in->expires_ms);
	args_number(&args, next_ms);
	args_id(&args, id_new());
	return db_run(&storing->state->db, SQL_REFRESH_SAVE, &args, NULL, why);
}

static enum err
configure_work(void *arg, struct why *why)
{
	struct storing *storing = arg;
	const struct msg_refresh_configure *in = &storing->kept.m.refresh_configure;
	const char *key = arena_text(&storing->kept.arena, in->key);
	struct refresh_plan plan;
	struct args args = {0};
	auto_rows rows = {0};
	enum err r;

	args_id(&args, storing->provider);
	if (key == NULL)
		return fail(why, ERR_LIMIT, "the request needs too much memory");
	if ((r = db_run(&storing->state->db, SQL_PROVIDER_LOCK, &args, &rows, why)) != OK)
		return r;
	if (rows.n == 0)
		return fail(why, ERR_NOT_FOUND, "provider not found");
	storing->object = refresh_object(&storing->kept.arena, rows_span(&rows, 0, 2), rows_span(&rows, 0, 3), in->key);
	if ((r = plan_of(storing, &plan, why)) != OK || (r = keys_free(storing, &plan, key, why)) != OK ||
	    (r = secret_remove(storing->state, storing->provider, in->key, SPAN_NONE, why)) != OK)
		return r;
	for (size_t i = 0; i < storing->secrets_n && r == OK; i++)
		r = secret_save(storing->state, storing->provider, in->key, &storing->records[i], 0, why);
	if (r != OK || (r = row_save(storing, &plan, key, why)) != OK)
		return r;
	return secrets_changed_of(storing->state, storing->provider, false, why);
}

static enum err
configure_check(struct storing *storing, struct why *why)
{
	struct refresh_plan plan;

	return plan_of(storing, &plan, why);
}

static enum err
configure_answer(struct storing *storing, struct msg *answer, struct why *why)
{
	answer->id = REFRESH_STATES;
	refresh_kick(storing->state);
	return refresh_states(storing->state, storing->provider, storing->kept.m.refresh_configure.key,
	    &storing->kept.arena, &answer->refresh_states, why);
}

static void
configure_pick(struct storing *storing)
{
	const struct msg_refresh_configure *in = &storing->kept.m.refresh_configure;

	storing->provider = in->provider;
	storing->secrets = in->secrets;
	storing->secrets_n = in->secrets_n;
	storing->subject = in->subject;
	storing->object = arena_format(&storing->kept.arena, SPAN_FORMAT, SPAN_ARGS(span_head(in->key, 200)));
}

/*
 * Renew a credential from now on; what was configured before ends, and so do its placeholders.
 *
 * in      refresh_configure, from api
 * out     refresh_states: the one
 * errors  ERR_NOT_FOUND; ERR_INVALID, ERR_STATE those of refresh_plan; ERR_STATE another provider delivers it;
 *         ERR_UNAVAILABLE credentials or the database is away
 */
enum err
refresh_configure(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	const struct storing storing = {.state = self,
	    .action = "refresh.configure",
	    .check = configure_check,
	    .work = configure_work,
	    .answer = configure_answer};

	(void)answer;
	return storing_begin(&storing, m, configure_pick, why);
}
