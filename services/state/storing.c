/* Storing secrets: an attempt is written down, credentials makes records, and one transaction keeps them and ends it.
 */
#include <stdlib.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "services/state/providers.h"

#define STORE_DEADLINE_MS 8000
#define ATTEMPT_MS	  120000 /* after it, what an attempt left outside is to be forgotten */

static void
storing_free(struct storing *storing)
{
	kept_free(&storing->kept);
	free(storing);
}

static enum err
run_id(struct state *state, enum sql sql, struct id id, struct rows *out, struct why *why)
{
	struct args args = {0};

	args_id(&args, id);
	return db_run(&state->db, sql, &args, out, why);
}

static enum err
attempt_note(struct storing *storing, struct why *why)
{
	struct args args = {0};

	storing->attempt = id_new();
	args_id(&args, storing->provider);
	args_id(&args, storing->attempt);
	args_number(&args, (uint64_t)clock_wall_ms() + ATTEMPT_MS);
	return db_run(&storing->state->db, SQL_DROP_ATTEMPT, &args, NULL, why);
}

/* An attempt that is not there any more came too late: what it stored is being forgotten. */
static enum err
write_all(void *arg, struct why *why)
{
	struct storing *storing = arg;
	auto_rows rows = {0};
	enum err r;

	if (storing->secrets_n > 0) {
		if ((r = run_id(storing->state, SQL_DROP_KEPT, storing->attempt, &rows, why)) != OK)
			return r;
		if (rows.touched != 1)
			return fail(why, ERR_UNAVAILABLE, "credentials took too long: try again");
	}
	if ((r = storing->work(storing, why)) != OK)
		return r;
	return audit_add(storing->state, storing->subject, storing->action, storing->object, "OK", why);
}

static void
finish(struct storing *storing, enum err r, struct why *why)
{
	struct state *state = storing->state;
	struct msg answer = {0};

	if (r == OK && (r = state_serving(state, why)) == OK)
		r = db_transaction(&state->db, DURABLE, write_all, storing, why);
	if (r == OK)
		r = storing->answer(storing, &answer, why);
	if (r == OK) {
		log_info(
		    storing->action, "of=%s secrets=%zu", log_quote(span_of_text(storing->object)), storing->secrets_n);
		reply_send(&storing->reply, &answer);
		drops_kick(state);
	} else {
		reply_fail(&storing->reply, r, why);
		if (r != ERR_UNAVAILABLE && r != ERR_CONFLICT)
			audit_refusal(state, storing->subject, storing->action, storing->object, r);
	}
	storing_free(storing);
}

/* As many as were asked for, each for the key that it was asked for. */
static enum err
records_fit(const struct storing *storing, const struct msg_secrets_stored *stored, struct why *why)
{
	bool fit = stored->records_n == storing->secrets_n;

	for (size_t i = 0; fit && i < stored->records_n; i++)
		fit = span_equal(stored->records[i].key, storing->secrets[i].key);
	return fit ? OK : fail(why, ERR_PROTOCOL, "credentials answered with other secrets than it was asked for");
}

static void
stored(void *self, enum err r, struct msg *answer, const struct why *because_of)
{
	struct storing *storing = self;
	struct why why = {0};

	if (because_of != NULL)
		why = *because_of;
	if (r == ERR_TIMEOUT)
		r = fail(&why, ERR_UNAVAILABLE, "credentials did not answer in time: try again in a moment");
	if (r == OK && (r = records_fit(storing, &answer->secrets_stored, &why)) == OK)
		storing->records = answer->secrets_stored.records;
	finish(storing, r, &why);
}

static enum err
ask_credentials(struct storing *storing, struct why *why)
{
	struct msg ask = {.id = SECRETS_STORE};
	struct peer *credentials;
	enum err r;

	if ((r = credentials_peer(storing->state, &credentials, why)) != OK || (r = attempt_note(storing, why)) != OK)
		return r;
	ask.secrets_store = (struct msg_secrets_store){
	    storing->provider, (struct msg_sealed_secret *)storing->secrets, storing->secrets_n, storing->attempt};
	peer_call(credentials, &ask, STORE_DEADLINE_MS, stored, storing);
	return OK;
}

enum err
storing_begin(const struct storing *of, const struct msg *m, void (*pick)(struct storing *storing), struct why *why)
{
	struct storing *storing = malloc(sizeof(*storing));
	struct why ignored = {0};
	enum err r;

	if (storing == NULL)
		abort();
	*storing = *of;
	if ((r = kept_take(&storing->kept, m, why)) != OK) {
		free(storing);
		return r;
	}
	pick(storing);
	if ((r = state_serving(storing->state, why)) == OK && storing->check != NULL)
		r = storing->check(storing, why);
	if (r == OK && storing->secrets_n > 0)
		r = ask_credentials(storing, why);
	if (r != OK) {
		if (r != ERR_UNAVAILABLE && r != ERR_CONFLICT)
			audit_refusal(storing->state, storing->subject, storing->action, storing->object, r);
		storing_free(storing);
		return r;
	}
	storing->reply = reply_later(m);
	if (storing->secrets_n == 0)
		finish(storing, OK, &ignored);
	return OK;
}

/* Is the storage key that records are sealed under here still the one of all gateways that use this database? */
static enum err
newest_hold(struct state *state, struct why *why)
{
	auto_rows rows = {0};
	enum err r = db_run(&state->db, SQL_NEWEST_HOLD, NULL, &rows, why);

	if (r != OK || rows.n == 0 || !state->newest_known ||
	    span_equal(rows_span(&rows, 0, 0), span_of_bytes(state->newest_key, sizeof(state->newest_key))))
		return r;
	return fail(why, ERR_UNAVAILABLE,
	    "another gateway that uses this database has replaced the storage key: copy its keys/credentials.ring and master key "
	    "here and start this gateway again");
}

enum err
secret_save(struct state *state, struct id provider, struct span owner, const struct msg_secret_record *record,
    uint64_t expires_ms, struct why *why)
{
	bool keep = expires_ms == EXPIRY_KEPT;
	struct args args = {0};
	enum err r;

	if (state->newest_known && (record->record.length < sizeof(state->newest_key) ||
				       memcmp(record->record.at, state->newest_key, sizeof(state->newest_key)) != 0))
		return fail(why, ERR_UNAVAILABLE, "the storage key was changed meanwhile: try again");
	if ((r = newest_hold(state, why)) != OK)
		return r;
	args_id(&args, provider);
	args_text(&args, owner);
	args_text(&args, record->key);
	if ((r = db_run(&state->db, SQL_SECRET_FORGET, &args, NULL, why)) != OK)
		return r;
	args_bytes(&args, record->record);
	args_number(&args, keep ? 0 : expires_ms);
	args_flag(&args, keep);
	return db_run(&state->db, SQL_SECRET_SAVE, &args, NULL, why);
}

enum err
secret_remove(struct state *state, struct id provider, struct span owner, struct span key, struct why *why)
{
	struct args args = {0};
	enum err r;

	args_id(&args, provider);
	args_text(&args, owner);
	if (key.length == 0)
		args_null_text(&args);
	else
		args_text(&args, key);
	if ((r = db_run(&state->db, SQL_SECRET_FORGET, &args, NULL, why)) != OK)
		return r;
	return db_run(&state->db, SQL_SECRET_REMOVE, &args, NULL, why);
}
