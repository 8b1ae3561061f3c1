/* Refresh as clients see it: configured, looked at, run at once, ended. refresh_run.c does the renewing. */
#include <stdlib.h>

#include "common/base/clean.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/provider/refresh.h"
#include "common/wire/protobuf.h"
#include "services/state/configure.h"
#include "services/state/refreshes.h"

#define FIRST_MS 5000 /* after it is configured, unless somebody asks for it earlier */
#define MATERIAL_SEALED "-" /* stands for a value that only credentials can read */

static const char *
object_of(struct arena *arena, struct span workspace, struct span provider, struct span key)
{
	return arena_format(arena, SPAN_FORMAT "/" SPAN_FORMAT " " SPAN_FORMAT, SPAN_ARGS(workspace),
	    SPAN_ARGS(span_head(provider, 120)), SPAN_ARGS(span_head(key, 100)));
}

static enum err
states_read(struct state *state, struct id provider, struct span key, struct arena *arena, struct msg_refresh_states *out,
    struct why *why)
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

		*at = (struct msg_refresh_state){.provider = rows_id(&rows, i, 1), .strategy = (uint8_t)rows_number(&rows, i, 3),
		    .expires_ms = rows_number(&rows, i, 5), .next_ms = rows_number(&rows, i, 6),
		    .last_ms = rows_number(&rows, i, 7)};
		if (arena_span(arena, rows_span(&rows, i, 0), &at->key) != OK ||
		    arena_span(arena, rows_span(&rows, i, 2), &at->provider_name) != OK ||
		    arena_span(arena, rows_span(&rows, i, 4), &at->status) != OK ||
		    arena_span(arena, rows_span(&rows, i, 8), &at->error) != OK)
			return fail(why, ERR_LIMIT, "the answer needs too much memory");
	}
	return OK;
}

static enum err
not_configured(struct span key, struct why *why)
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
	    (r = states_read(self, provider, in->key, m->arena, &answer->refresh_states, why)) != OK)
		return r;
	if (in->key.length > 0 && answer->refresh_states.states_n == 0)
		return not_configured(in->key, why);
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
	struct refresh_question question = {.key = in->key, .strategy = in->strategy,
	    .material_count = in->material_n + in->secrets_n, .secret_keys_count = in->secrets_n};
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
	return fail(why, ERR_STATE, "credential '" SPAN_FORMAT "' is delivered by provider '" SPAN_FORMAT
	    "' too, which sandbox '" SPAN_FORMAT "' has attached", SPAN_ARGS(rows_span(&rows, 0, 0)),
	    SPAN_ARGS(rows_span(&rows, 0, 1)), SPAN_ARGS(rows_span(&rows, 0, 2)));
}

static enum err
row_save(struct storing *storing, const struct refresh_plan *plan, const char *key, struct why *why)
{
	const struct msg_refresh_configure *in = &storing->kept.m.refresh_configure;
	uint64_t now_ms = (uint64_t)clock_wall_ms(), before_ms = positive_ms(plan->refresh_before_s, 300000), next_ms = 0;
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
	storing->object = object_of(&storing->kept.arena, rows_span(&rows, 0, 2), rows_span(&rows, 0, 3), in->key);
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
	return states_read(storing->state, storing->provider, storing->kept.m.refresh_configure.key, &storing->kept.arena,
	    &answer->refresh_states, why);
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
	const struct storing storing = {.state = self, .action = "refresh.configure", .check = configure_check,
	    .work = configure_work, .answer = configure_answer};

	(void)answer;
	return storing_begin(&storing, m, configure_pick, why);
}

/* ---- at once ---- */

struct rotation {
	struct refresh_wait wait; /* first */
	struct state *state;
	struct reply reply;
	struct kept kept;
	struct id provider;
};

static void
rotated(struct refresh_wait *wait, enum err r, const struct why *because_of)
{
	struct rotation *it = (struct rotation *)wait;
	const struct msg_refresh_rotate *in = &it->kept.m.refresh_rotate;
	struct msg answer = {.id = REFRESH_STATES};
	struct why why = {0};

	if (because_of != NULL)
		why = *because_of;
	if (r == OK)
		r = states_read(it->state, it->provider, in->key, &it->kept.arena, &answer.refresh_states, &why);
	if (r == OK)
		reply_send(&it->reply, &answer);
	else
		reply_fail(&it->reply, r, &why);
	audit_refusal(it->state, in->subject, "refresh.rotate",
	    object_of(&it->kept.arena, in->workspace, in->provider, in->key), r);
	kept_free(&it->kept);
	free(it);
}

static enum err
rotatable(struct state *state, const struct msg_refresh_rotate *in, struct arena *arena, struct id *provider,
    struct why *why)
{
	struct msg_refresh_states states = {0};
	enum err r;

	if ((r = state_serving(state, why)) != OK ||
	    (r = provider_hold(state, in->workspace, in->provider, provider, why)) != OK ||
	    (r = states_read(state, *provider, in->key, arena, &states, why)) != OK)
		return r;
	if (states.states_n == 0)
		return not_configured(in->key, why);
	if (!provider_strategy_mints(states.states[0].strategy))
		return fail(why, ERR_STATE, "credential '" SPAN_FORMAT "' is not renewed by the gateway", SPAN_ARGS(in->key));
	return OK;
}

/*
 * Renew a credential now.
 *
 * in      refresh_rotate, from api
 * out     refresh_states, when it is done
 * errors  ERR_NOT_FOUND; ERR_STATE the gateway does not renew it; ERR_BUSY somebody else is at it; else why it failed
 */
enum err
refresh_rotate(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	struct state *state = self;
	struct rotation *it;
	struct id provider;
	enum err r;

	(void)answer;
	if ((r = rotatable(state, &m->refresh_rotate, m->arena, &provider, why)) != OK)
		return r;
	if ((it = calloc(1, sizeof(*it))) == NULL)
		abort();
	*it = (struct rotation){.wait.done = rotated, .state = state, .provider = provider};
	if ((r = kept_take(&it->kept, m, why)) != OK) {
		free(it);
		return r;
	}
	it->reply = reply_later(m);
	if ((r = refresh_now(state, provider, it->kept.m.refresh_rotate.key, &it->wait, why)) != OK)
		rotated(&it->wait, r, why);
	return OK; /* it may be gone */
}

/* ---- ended ---- */

struct ending {
	struct state *state;
	const struct msg_refresh_delete *in;
	struct arena *arena;
	bool deleted;
};

static enum err
expiry_end(struct ending *it, struct id provider, const struct rows *row, struct why *why)
{
	struct args args = {.arena = it->arena};
	size_t n;
	struct span *keys = rows_texts(row, 0, 0, it->arena, &n);

	if (keys == NULL)
		return fail(why, ERR_LIMIT, "the request needs too much memory");
	args_id(&args, provider);
	args_texts(&args, keys, n);
	args_number(&args, rows_number(row, 0, 1));
	return db_run(&it->state->db, SQL_REFRESH_EXPIRY_END, &args, NULL, why);
}

static enum err
end_work(void *arg, struct why *why)
{
	struct ending *it = arg;
	struct args args = {0};
	auto_rows rows = {0};
	struct id provider;
	enum err r;

	if ((r = provider_hold(it->state, it->in->workspace, it->in->provider, &provider, why)) != OK)
		return r;
	args_id(&args, provider);
	args_text(&args, it->in->key);
	if ((r = db_run(&it->state->db, SQL_REFRESH_REMOVE, &args, &rows, why)) != OK || rows.n == 0)
		return r;
	it->deleted = true;
	if ((r = secret_remove(it->state, provider, it->in->key, SPAN_NONE, why)) != OK ||
	    (r = expiry_end(it, provider, &rows, why)) != OK ||
	    (r = secrets_changed_of(it->state, provider, false, why)) != OK)
		return r;
	return audit_add(it->state, it->in->subject, "refresh.delete",
	    object_of(it->arena, it->in->workspace, it->in->provider, it->in->key), "OK", why);
}

/*
 * Renew a credential no more: its material goes; the value that it has now stays.
 *
 * in      refresh_delete, from api
 * out     refresh_deleted
 * errors  ERR_NOT_FOUND no such provider
 */
enum err
refresh_delete(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	struct state *state = self;
	struct ending it = {state, &m->refresh_delete, m->arena, false};
	enum err r;

	if ((r = state_serving(state, why)) != OK || (r = db_transaction(&state->db, DURABLE, end_work, &it, why)) != OK)
		return r;
	answer->id = REFRESH_DELETED;
	answer->refresh_deleted.deleted = it.deleted;
	drops_kick(state);
	return OK;
}
