/* Renewing: what is due is leased, so that one state process alone runs it; credentials mints, one transaction keeps.
 */
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/clean.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "services/state/refreshes.h"

#define JOBS_MAX	8
#define LEASE_MS	60000
#define RUN_DEADLINE_MS 45000 /* the token endpoint has 30 s; the lease outlives it */
#define ATTEMPT_MS	120000
#define ERROR_MS	60000 /* then once more */
#define SHORTEST_MS	10000 /* between two renewals */
#define LOOK_MS		60000
#define AGAIN_MS	1000

#define STRATEGY_REFRESH_TOKEN 3 /* openshell.v1.ProviderCredentialRefreshStrategy */

/* One renewal under way. Texts in the arena. */
struct job {
	struct list link; /* in state->jobs */
	struct state *state;
	struct arena arena;
	struct id provider, lease, attempt;
	struct span key;
	struct span *keys; /* that it may bring */
	size_t keys_n;
	unsigned strategy;
	uint64_t before_ms, lifetime_ms;
	struct refresh_wait *waits[4]; /* told how it ends */
	size_t waits_n;
	const struct msg_refreshed *minted; /* within its transaction */
	uint64_t expires_ms, next_ms;
};

static void look(void *self);

static void
job_end(struct job *job, enum err r, const struct why *why)
{
	struct state *state = job->state;

	list_remove(&job->link);
	state->jobs_n--;
	for (size_t i = 0; i < job->waits_n; i++)
		job->waits[i]->done(job->waits[i], r, why);
	arena_reset(&job->arena);
	free(job);
	refresh_kick(state);
}

/* A tenth of it earlier or later, so that what began together does not stay together. */
static uint64_t
jitter(uint64_t ms)
{
	return ms < 10 ? 0 : randombytes_uniform((uint32_t)(ms / 10 > UINT32_MAX ? UINT32_MAX : ms / 10));
}

static uint64_t
next_of(const struct job *job, uint64_t now_ms, uint64_t expires_ms)
{
	uint64_t left = expires_ms > now_ms ? expires_ms - now_ms : 0, wait;

	if (left > 2 * job->before_ms)
		wait = left - job->before_ms - jitter(job->before_ms);
	else
		wait = left / 2;
	return now_ms + (wait < SHORTEST_MS ? SHORTEST_MS : wait);
}

static enum err
state_save(const struct job *job, const char *status, struct span error, uint64_t expires_ms, uint64_t next_ms,
    uint64_t last_ms, struct why *why)
{
	struct args args = {0};

	args_id(&args, job->provider);
	args_text(&args, job->key);
	args_id(&args, job->lease);
	args_text(&args, span_of_text(status));
	args_text(&args, span_head(error, 512));
	args_number(&args, expires_ms);
	args_number(&args, next_ms);
	args_number(&args, last_ms);
	return db_run(&job->state->db, SQL_REFRESH_DONE, &args, NULL, why);
}

/* A refresh token that the server takes no more does not mend itself: what to do is said. */
static void
advise(const struct job *job, struct why *why)
{
	size_t used = strlen(why->text);

	if (job->strategy == STRATEGY_REFRESH_TOKEN && strstr(why->text, "invalid_grant") != NULL)
		snprintf(why->text + used, sizeof(why->text) - used,
		    ": the refresh token is void (revoked, over, or replaced by one that was lost on its way): get a new one "
		    "and give it with 'openshell provider refresh configure'");
}

static void
job_failed(struct job *job, enum err r, struct why *why)
{
	struct why ignored;
	uint64_t now_ms = (uint64_t)clock_wall_ms();

	advise(job, why);
	log_warning("refresh.run", "provider=%s key=%s error=%s why=%s", id_text(job->provider), log_quote(job->key),
	    err_name(r), log_quote(span_of_text(why->text)));
	if (state_save(job, "error", span_of_text(why->text), 0, now_ms + ERROR_MS + jitter(ERROR_MS), 0, &ignored) !=
	    OK)
		log_debug("refresh.save", "why=%s", ignored.text); /* the lease ends by itself */
	job_end(job, r, why);
}

/* ---- what came ---- */

static bool
may_bring(const struct job *job, struct span key)
{
	for (size_t i = 0; i < job->keys_n; i++)
		if (span_equal(job->keys[i], key))
			return true;
	return false;
}

static enum err
still_ours(const struct job *job, struct why *why)
{
	struct args args = {0};
	auto_rows rows = {0};
	enum err r;

	args_id(&args, job->provider);
	args_text(&args, job->key);
	args_id(&args, job->lease);
	if ((r = db_run(&job->state->db, SQL_REFRESH_HELD, &args, &rows, why)) != OK)
		return r;
	if (rows.n == 0)
		return fail(why, ERR_CONFLICT, "the refresh was changed meanwhile");
	args = (struct args){0};
	args_id(&args, job->attempt);
	if ((r = db_run(&job->state->db, SQL_DROP_KEPT, &args, &rows, why)) != OK)
		return r;
	return rows.touched == 1 ? OK : fail(why, ERR_UNAVAILABLE, "credentials took too long");
}

static enum err
keep(void *arg, struct why *why)
{
	struct job *job = arg;
	const struct msg_refreshed *in = job->minted;
	enum err r;

	if ((r = still_ours(job, why)) != OK)
		return r;
	for (size_t i = 0; i < in->records_n && r == OK; i++)
		r = may_bring(job, in->records[i].key)
			? secret_save(job->state, job->provider, SPAN_NONE, &in->records[i], job->expires_ms, why)
			: fail(why, ERR_PROTOCOL, "credentials minted what it was not asked for");
	for (size_t i = 0; i < in->material_n && r == OK; i++)
		r = secret_save(job->state, job->provider, job->key, &in->material[i], 0, why);
	if (r != OK || (r = state_save(job, "refreshed", SPAN_NONE, job->expires_ms, job->next_ms,
			    (uint64_t)clock_wall_ms(), why)) != OK)
		return r;
	return secrets_changed_of(job->state, job->provider, true, why);
}

/* credentials need not keep its answer for us any more. Should this be lost, it sees it by the next one. */
static void
kept_tell(const struct job *job)
{
	const struct msg m = {.id = REFRESH_KEPT, .refresh_kept = {job->provider, job->key}};
	struct peer *credentials;
	struct why ignored;

	if (credentials_peer(job->state, &credentials, &ignored) == OK && peer_tell(credentials, &m, &ignored) != OK)
		log_debug("refresh.kept", "why=%s", ignored.text);
}

static void
refreshed(void *self, enum err r, struct msg *answer, const struct why *because_of)
{
	struct job *job = self;
	uint64_t now_ms = (uint64_t)clock_wall_ms();
	struct why why = {0};

	if (because_of != NULL)
		why = *because_of;
	if (r == OK && (answer->refreshed.records_n == 0 || !span_equal(answer->refreshed.records[0].key, job->key)))
		r = fail(&why, ERR_PROTOCOL, "credentials minted another credential");
	if (r == OK) {
		job->minted = &answer->refreshed;
		job->expires_ms = job->minted->expires_ms;
		if (job->expires_ms == 0 || job->expires_ms > now_ms + job->lifetime_ms)
			job->expires_ms = now_ms + job->lifetime_ms;
		job->next_ms = next_of(job, now_ms, job->expires_ms);
		r = db_transaction(&job->state->db, DURABLE, keep, job, &why);
	}
	if (r != OK) {
		job_failed(job, r, &why);
		return;
	}
	log_info("refresh.run", "provider=%s key=%s expires_ms=%lu", id_text(job->provider), log_quote(job->key),
	    (unsigned long)job->expires_ms);
	kept_tell(job);
	drops_kick(job->state);
	job_end(job, OK, NULL);
}

/* ---- asking ---- */

static enum err
attempt_note(struct job *job, struct why *why)
{
	struct args args = {0};

	job->attempt = id_new();
	args_id(&args, job->provider);
	args_id(&args, job->attempt);
	args_number(&args, (uint64_t)clock_wall_ms() + ATTEMPT_MS);
	return db_run(&job->state->db, SQL_DROP_ATTEMPT, &args, NULL, why);
}

static enum err
material_read(struct job *job, struct msg_refresh_run *ask, struct why *why)
{
	struct args args = {0};
	auto_rows rows = {0};
	enum err r;

	args_id(&args, job->provider);
	args_text(&args, job->key);
	if ((r = db_run(&job->state->db, SQL_REFRESH_MATERIAL, &args, &rows, why)) != OK)
		return r;
	if ((ask->secrets = arena_array(&job->arena, (size_t)rows.n + 1, sizeof(*ask->secrets))) == NULL)
		return fail(why, ERR_LIMIT, "the material is too long");
	for (int i = 0; i < rows.n; i++, ask->secrets_n++)
		if (arena_span(&job->arena, rows_span(&rows, i, 0), &ask->secrets[i].key) != OK ||
		    arena_span(&job->arena, rows_span(&rows, i, 1), &ask->secrets[i].record) != OK)
			return fail(why, ERR_LIMIT, "the material is too long");
	return OK;
}

static enum err
ask_fill(struct job *job, const struct rows *rows, int row, struct msg_refresh_run *ask, struct why *why)
{
	*ask = (struct msg_refresh_run){.provider_id = job->provider,
	    .key = job->key,
	    .strategy = (uint8_t)rows_number(rows, row, 2),
	    .lifetime_ms = job->lifetime_ms};
	if (arena_span(&job->arena, rows_span(rows, row, 3), &ask->token_url) != OK ||
	    (ask->scopes = rows_texts(rows, row, 4, &job->arena, &ask->scopes_n)) == NULL ||
	    (ask->material = rows_texts(rows, row, 5, &job->arena, &ask->material_n)) == NULL ||
	    (ask->outputs = rows_texts(rows, row, 6, &job->arena, &ask->outputs_n)) == NULL)
		return fail(why, ERR_LIMIT, "the material is too long");
	return material_read(job, ask, why);
}

static struct job *
job_new(struct state *state, const struct rows *rows, int row, struct id lease, struct refresh_wait *wait)
{
	struct job *job = calloc(1, sizeof(*job));

	if (job == NULL)
		abort();
	*job = (struct job){.state = state,
	    .provider = rows_id(rows, row, 0),
	    .lease = lease,
	    .strategy = (unsigned)rows_number(rows, row, 2),
	    .lifetime_ms = rows_number(rows, row, 7),
	    .before_ms = rows_number(rows, row, 8)};
	if (wait != NULL)
		job->waits[job->waits_n++] = wait;
	list_append(&state->jobs, &job->link);
	state->jobs_n++;
	return job;
}

static void
job_start(struct job *job, const struct rows *rows, int row)
{
	struct msg ask = {.id = REFRESH_RUN};
	struct peer *credentials;
	struct why why = {0};
	enum err r;

	if (arena_span(&job->arena, rows_span(rows, row, 1), &job->key) != OK ||
	    (job->keys = rows_texts(rows, row, 9, &job->arena, &job->keys_n)) == NULL)
		r = fail(&why, ERR_LIMIT, "the material is too long");
	else if ((r = ask_fill(job, rows, row, &ask.refresh_run, &why)) == OK &&
		 (r = credentials_peer(job->state, &credentials, &why)) == OK && (r = attempt_note(job, &why)) == OK) {
		ask.refresh_run.attempt = job->attempt;
		peer_call(credentials, &ask, RUN_DEADLINE_MS, refreshed, job);
		return;
	}
	job_failed(job, r, &why);
}

/* Lease: due ones, or the one that is named. */
static enum err
lease(struct state *state, struct id provider, struct span key, struct id by, struct rows *rows, struct why *why)
{
	uint64_t now_ms = (uint64_t)clock_wall_ms();
	struct args args = {0};

	args_number(&args, now_ms);
	args_id(&args, by);
	args_number(&args, now_ms + LEASE_MS);
	args_id(&args, provider);
	args_text(&args, key);
	return db_run(&state->db, SQL_REFRESH_LEASE, &args, rows, why);
}

/* When the next is due, at most a minute ahead: others may configure some. */
static void
look_later(struct state *state)
{
	uint64_t now_ms = (uint64_t)clock_wall_ms(), due_ms, ms = LOOK_MS;
	auto_rows rows = {0};
	struct why why;

	if (db_run(&state->db, SQL_REFRESH_NEXT, NULL, &rows, &why) == OK && (due_ms = rows_number(&rows, 0, 0)) != 0)
		ms = due_ms <= now_ms ? AGAIN_MS : due_ms - now_ms < LOOK_MS ? due_ms - now_ms : LOOK_MS;
	loop_timer_set(state->loop, &state->refreshing, (uint32_t)ms, look, state);
}

static void
look(void *self)
{
	struct state *state = self;
	struct id by = id_new();
	struct peer *credentials;
	auto_rows rows = {0};
	struct why why;

	if (!state->serving || credentials_peer(state, &credentials, &why) != OK)
		return; /* both kick when they are back */
	if (state->jobs_n < JOBS_MAX && lease(state, (struct id){{0}}, SPAN_NONE, by, &rows, &why) == OK)
		for (int i = 0; i < rows.n; i++)
			job_start(job_new(state, &rows, i, by, NULL), &rows, i);
	look_later(state);
}

void
refresh_kick(struct state *state)
{
	loop_timer_set(state->loop, &state->refreshing, 0, look, state);
}

/* One that runs already is waited for. */
static enum err
wait_for(struct state *state, struct id provider, struct span key, struct refresh_wait *wait, struct why *why)
{
	struct job *job;

	list_each(job, &state->jobs, struct job, link)
		if (id_equal(job->provider, provider) && span_equal(job->key, key) &&
		    job->waits_n < COUNT(job->waits)) {
			job->waits[job->waits_n++] = wait;
			return OK;
		}
	return fail(why, ERR_BUSY, "it is being renewed already: try again in a moment");
}

enum err
refresh_now(struct state *state, struct id provider, struct span key, struct refresh_wait *wait, struct why *why)
{
	struct id by = id_new();
	struct peer *credentials;
	auto_rows rows = {0};
	enum err r;

	if ((r = credentials_peer(state, &credentials, why)) != OK ||
	    (r = lease(state, provider, key, by, &rows, why)) != OK)
		return r;
	if (rows.n == 0)
		return wait_for(state, provider, key, wait, why);
	job_start(job_new(state, &rows, 0, by, wait), &rows, 0);
	return OK;
}
