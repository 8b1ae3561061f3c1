/* Rewrapping: records under older storage keys are sealed again under the newest, in the background, each compared
 * before it is replaced; at any moment each record can be opened. */
#include <stdlib.h>

#include "common/base/clean.h"
#include "common/base/log.h"
#include "services/state/providers.h"

#define REWRAP_DEADLINE_MS 30000
#define BATCH_MAX	   64
#define AGAIN_MS	   1000
#define KEYS_MAX	   64 /* of keys_used, as bus.def has it */

/* A batch of one provider; texts borrowed from its rows. */
struct batch {
	struct state *state;
	struct rows rows;
	struct msg_secret_record records[BATCH_MAX];
	int at[BATCH_MAX]; /* which row each is */
	size_t n;
	struct id provider;
};

static void next(void *self);

static void
batch_free(struct batch *batch)
{
	batch->state->rewrap_running = false;
	rows_free(&batch->rows);
	free(batch);
}

/* One record, unless it is another by now. */
static enum err
save(const struct batch *batch, size_t i, struct span record, struct why *why)
{
	struct args args = {0};

	args_id(&args, batch->provider);
	args_text(&args, rows_span(&batch->rows, batch->at[i], 1));
	args_text(&args, batch->records[i].key);
	args_bytes(&args, batch->records[i].record);
	args_bytes(&args, record);
	return db_run(&batch->state->db, SQL_REWRAP_SAVE, &args, NULL, why);
}

static void
rewrapped(void *self, enum err r, struct msg *answer, const struct why *because_of)
{
	struct batch *batch = self;
	struct state *state = batch->state;
	struct why why = {0};

	if (because_of != NULL)
		why = *because_of;
	if (r == OK && answer->secrets_stored.records_n != batch->n)
		r = fail(&why, ERR_PROTOCOL, "credentials answered with another number of records");
	for (size_t i = 0; r == OK && i < batch->n; i++)
		r = save(batch, i, answer->secrets_stored.records[i].record, &why);
	if (r == OK)
		log_info("secrets.rewrap", "provider=%s records=%zu", id_text(batch->provider), batch->n);
	else
		log_warning("secrets.rewrap", "provider=%s error=%s why=%s", id_text(batch->provider), err_name(r),
		    log_quote(span_of_text(why.text)));
	batch_free(batch);
	loop_timer_set(state->loop, &state->rewrapping, r == OK ? 0 : AGAIN_MS, next, state);
}

/* The rows of the first provider among them. */
static void
batch_fill(struct batch *batch)
{
	batch->provider = rows_id(&batch->rows, 0, 0);
	for (int i = 0; i < batch->rows.n && batch->n < BATCH_MAX; i++)
		if (id_equal(rows_id(&batch->rows, i, 0), batch->provider)) {
			batch->at[batch->n] = i;
			batch->records[batch->n++] =
			    (struct msg_secret_record){rows_span(&batch->rows, i, 2), rows_span(&batch->rows, i, 3)};
		}
}

/* Some records under one of the older keys; false: there are none, or the database is late. */
static bool
batch_take(struct state *state, struct batch *batch)
{
	struct why why;

	for (size_t i = 0; i < state->older_keys_n; i++) {
		struct args args = {0};

		args_bytes(&args, span_of_bytes(state->older_keys[i], sizeof(state->older_keys[i])));
		if (db_run(&state->db, SQL_REWRAP_TAKE, &args, &batch->rows, &why) != OK)
			return false;
		if (batch->rows.n > 0)
			return true;
	}
	return false;
}

static void
next(void *self)
{
	struct state *state = self;
	struct msg ask = {.id = SECRETS_REWRAP};
	struct peer *credentials;
	struct batch *batch;
	struct why why;

	if (state->rewrap_running || !state->serving || credentials_peer(state, &credentials, &why) != OK)
		return; /* keys_have comes again with the connection */
	if ((batch = calloc(1, sizeof(*batch))) == NULL)
		abort();
	batch->state = state;
	state->rewrap_running = true;
	if (!batch_take(state, batch)) {
		batch_free(batch);
		return;
	}
	batch_fill(batch);
	ask.secrets_rewrap = (struct msg_secrets_rewrap){batch->provider, batch->records, batch->n};
	peer_call(credentials, &ask, REWRAP_DEADLINE_MS, rewrapped, batch);
}

void
rewrap_kick(struct state *state)
{
	if (state->older_keys_n > 0)
		loop_timer_set(state->loop, &state->rewrapping, 0, next, state);
}

/* Was it the master key before this one that is remembered? Only who has both can say that one took the other's place. */
static enum err
fingerprint_next(struct state *state, const struct msg_keys_have *in, struct why *why)
{
	enum err r = OK;

	for (size_t i = 1; i < in->roots_n && r == OK; i++) {
		struct args args = {0};

		args_bytes(&args, in->fingerprint);
		args_bytes(&args, in->roots[i].fingerprint);
		r = db_run(&state->db, SQL_FINGERPRINT_NEXT, &args, NULL, why);
	}
	return r;
}

/* The first fingerprint that was ever told is the one that counts, until credentials has replaced its master key. */
static enum err
fingerprint(
    struct state *state, const struct msg_keys_have *in, struct arena *arena, struct span *kept, struct why *why)
{
	struct args args = {0};
	auto_rows rows = {0};
	enum err r;

	args_bytes(&args, in->fingerprint);
	if ((r = db_run(&state->db, SQL_FINGERPRINT_KEEP, &args, NULL, why)) != OK ||
	    (r = fingerprint_next(state, in, why)) != OK ||
	    (r = db_run(&state->db, SQL_FINGERPRINT, NULL, &rows, why)) != OK)
		return r;
	return rows.n == 1 ? arena_span(arena, rows_span(&rows, 0, 0), kept) : OK;
}

/* Which storage key counts for all that use this database: that of the ring that has replaced another's, or else the first. */
static enum err
newest_keep(struct state *state, const struct msg_keys_have *in, struct why *why)
{
	enum err r = OK;

	for (size_t i = 0; i <= in->others_n && r == OK; i++) {
		struct args args = {0};

		args_bytes(&args, in->newest);
		args_bytes(&args, i == 0 ? in->newest : in->others[i - 1].key);
		r = db_run(&state->db, SQL_NEWEST_KEEP, &args, NULL, why);
	}
	return r;
}

/* It is told as well where nothing lies under it: a ring without it is not the one that the other gateways have. */
static enum err
newest_add(struct state *state, const struct msg_keys_have *in, struct arena *arena, struct msg_keys_used *out,
    struct why *why)
{
	auto_rows rows = {0};
	enum err r = db_run(&state->db, SQL_NEWEST, NULL, &rows, why);

	if (r != OK || rows.n == 0 || out->keys_n == KEYS_MAX || span_equal(in->newest, rows_span(&rows, 0, 0)))
		return r;
	for (size_t i = 0; i < out->keys_n; i++)
		if (span_equal(out->keys[i].key, rows_span(&rows, 0, 0)))
			return OK;
	return arena_span(arena, rows_span(&rows, 0, 0), &out->keys[out->keys_n++].key);
}

static enum err
used_read(const struct rows *rows, struct arena *arena, struct msg_keys_used *out, struct why *why)
{
	if ((out->keys = arena_array(arena, KEYS_MAX, sizeof(*out->keys))) == NULL)
		return fail(why, ERR_LIMIT, "too many keys");
	for (int i = 0; i < rows->n && i < KEYS_MAX; i++) {
		struct msg_key_use *use = &out->keys[out->keys_n++];

		if (arena_span(arena, rows_span(rows, i, 0), &use->key) != OK)
			return fail(why, ERR_LIMIT, "too many keys");
		use->records = rows_number(rows, i, 1);
	}
	return OK;
}

/* Handles that credentials is still to forget need their key as well: without it nobody finds what lies outside. */
static enum err
drops_add(struct state *state, struct arena *arena, struct msg_keys_used *out, struct why *why)
{
	enum err r = OK;

	for (size_t i = 0; i < state->older_keys_n && out->keys_n < KEYS_MAX && r == OK; i++) {
		struct span key = span_of_bytes(state->older_keys[i], sizeof(state->older_keys[i]));
		struct msg_key_use *use = &out->keys[out->keys_n];
		struct args args = {0};
		auto_rows rows = {0};

		args_bytes(&args, key);
		if ((r = db_run(&state->db, SQL_DROPS_UNDER, &args, &rows, why)) != OK)
			return r;
		if ((use->records = rows_number(&rows, 0, 0)) > 0 && (r = arena_span(arena, key, &use->key)) == OK)
			out->keys_n++;
	}
	return r;
}

/* How many starts count whose claims are of a master key that was replaced. */
static enum err
claims_old(struct state *state, const struct msg_keys_have *in, struct span kept, uint64_t *out, struct why *why)
{
	struct args oldest = {0}, newest = {0};
	auto_rows rows = {0};
	enum err r;

	if (in->roots_n == 0 || !span_equal(kept, in->fingerprint))
		return OK; /* an older release, or with the wrong keys: what it has is not what claims are of */
	args_bytes(&oldest, in->roots[in->roots_n - 1].credentials_key);
	args_bytes(&newest, in->roots[0].credentials_key);
	if ((r = db_run(&state->db, SQL_CLAIMS_NAME, &oldest, NULL, why)) == OK &&
	    (r = db_run(&state->db, SQL_CLAIMS_OLD, &newest, &rows, why)) == OK)
		*out = rows_number(&rows, 0, 0);
	return r;
}

/*
 * Which storage keys there are: what lies under the older ones is sealed again from here on.
 *
 * in      keys_have, from credentials; again whenever it wants to know how far it is
 * out     keys_used
 */
enum err
keys_have(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	const struct msg_keys_have *in = &m->keys_have;
	struct state *state = self;
	auto_rows rows = {0};
	enum err r;

	if ((r = state_serving(state, why)) != OK)
		return r;
	memcpy(state->newest_key, in->newest.at, sizeof(state->newest_key));
	state->newest_known =
	    true; /* from here on nothing is kept under another: what is counted below is all there is */
	if ((r = fingerprint(state, in, m->arena, &answer->keys_used.fingerprint, why)) != OK ||
	    (r = newest_keep(state, in, why)) != OK ||
	    (r = claims_old(state, in, answer->keys_used.fingerprint, &answer->keys_used.claims, why)) != OK ||
	    (r = db_run(&state->db, SQL_KEYS_USED, NULL, &rows, why)) != OK)
		return r;
	state->older_keys_n = 0;
	for (size_t i = 0; i < in->others_n && i < COUNT(state->older_keys); i++)
		memcpy(state->older_keys[state->older_keys_n++], in->others[i].key.at, sizeof(state->older_keys[0]));
	rewrap_kick(state);
	answer->id = KEYS_USED;
	if ((r = used_read(&rows, m->arena, &answer->keys_used, why)) != OK)
		return r;
	if ((r = drops_add(state, m->arena, &answer->keys_used, why)) != OK)
		return r;
	return newest_add(state, in, m->arena, &answer->keys_used, why);
}
