/* Refresh: the material is opened for the child's job; what that brings is kept, from the ledger where it brought what may not be lost. */
#include "services/credentials/refresh.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/base/clean.h"
#include "services/credentials/fetching.h"
#include "services/credentials/keep.h"
#include "services/credentials/opening.h"
#include "services/credentials/retained.h"
#include "services/credentials/underway.h"

#define KEPT_MAX 20 /* values and material of one fetch_done, as bus.def has it */
#define ROTATES	 3  /* the strategy whose answer may bring what the next one needs */

/* By the numbers of openshell.v1.ProviderCredentialRefreshStrategy. */
static const char *const strategies[] = {
    [3] = "oauth_refresh", [4] = "oauth_client", [5] = "google_jwt", [6] = "aws_role"};

/* A refresh that waits for its child. */
struct refresh {
	struct credentials *credentials;
	struct reply reply;
	struct id provider, attempt;
	struct ledger_whose whose; /* its key is what is minted, in the arena */
	struct arena arena;
	struct span *names; /* keys of the secret material, whole */
	size_t names_n;
	size_t values_n; /* of what was brought: then comes material */
	uint64_t expires_ms;
};

static void
refresh_free(struct refresh *refresh)
{
	arena_reset(&refresh->arena);
	free(refresh);
}

/* The record of material may be called CREDENTIAL/NAME: the child knows it by what is behind the last slash. */
static struct span
short_name(struct span key)
{
	for (size_t i = key.length; i > 0; i--)
		if (key.at[i - 1] == '/')
			return span_tail(key, i);
	return key;
}

static struct span
whole_name(const struct refresh *refresh, struct span name)
{
	for (size_t i = 0; i < refresh->names_n; i++)
		if (span_equal(short_name(refresh->names[i]), name))
			return refresh->names[i];
	return name;
}

/* Is the link still the one that it was asked on? */
static bool
is_heard(const struct reply *reply)
{
	return reply->peer->up && reply->life == reply->peer->life;
}

/* All were kept: the credential and outputs first, then material. */
static void
kept_all(void *self, enum err r, struct msg_secret_record *records, size_t n, const struct why *why)
{
	struct refresh *refresh = self;
	struct msg answer = {.id = REFRESHED};

	if (r == OK) {
		answer.refreshed = (struct msg_refreshed){records, refresh->values_n, records + refresh->values_n,
		    n - refresh->values_n, refresh->expires_ms};
		reply_send(&refresh->reply, &answer);
	} else {
		reply_fail(&refresh->reply, r, why);
	}
	refresh_free(refresh);
}

static void
refresh_failed(struct refresh *refresh, enum err r, const struct why *why)
{
	log_warning("refresh.failed", "provider=%s why=\"%s\"", id_text(refresh->provider), why->text);
	reply_fail(&refresh->reply, r, why);
	refresh_free(refresh);
}

/* Nobody waits for it: nothing is put into a store. What the ledger has is good for whoever asks the same. */
static void
refresh_unheard(struct refresh *refresh)
{
	struct why why;

	fail(&why, ERR_UNAVAILABLE, "asked on a link that is gone");
	refresh_failed(refresh, ERR_UNAVAILABLE, &why);
}

static void
done_keep(struct refresh *refresh, const struct msg_fetch_done *done)
{
	struct kept values[KEPT_MAX];
	size_t n = 0;

	for (size_t i = 0; i < done->values_n; i++)
		values[n++] = (struct kept){done->values[i].key, done->values[i].value};
	for (size_t i = 0; i < done->material_n; i++)
		values[n++] = (struct kept){whole_name(refresh, done->material[i].key), done->material[i].value};
	refresh->values_n = done->values_n;
	refresh->expires_ms = done->expires_ms;
	values_keep(refresh->credentials, refresh->provider, refresh->attempt, values, n, kept_all, refresh);
}

/* From the ledger, as the child before us sealed it. */
static void
answer_keep(struct refresh *refresh, struct span answer)
{
	auto_arena struct arena arena = {.max_bytes = 64u << 10}; /* for lists: no value is copied */
	struct why why = {""};
	struct msg m;
	enum err r = msg_decode(answer, &arena, &m, &why);

	if (r == OK && m.id == FETCH_DONE && m.fetch_done.values_n > 0)
		done_keep(refresh, &m.fetch_done);
	else
		refresh_failed(refresh, fail(&why, ERR_INTERNAL, "what the ledger holds is no answer"), &why);
}

static bool
retained_go_on(struct refresh *refresh)
{
	auto_room struct room room = {0};
	struct span answer;

	if (!retained_open(refresh->credentials, &refresh->whose, &room, &answer))
		return false;
	answer_keep(refresh, answer);
	return true;
}

/* What has a box is in the ledger already, on the disk. */
static void
refreshed(void *self, enum err r, const struct msg_fetch_done *done, const struct why *why)
{
	struct refresh *refresh = self;
	struct credentials *credentials = refresh->credentials;
	bool boxed = r == OK && done->box.length > 0;

	if (boxed)
		retained_keep(credentials, &refresh->whose, done->box, LEDGER_KEPT_MS);
	underway_end(credentials, &refresh->whose,
	    boxed	       ? UNDERWAY_ANSWERED
	    : r == ERR_TIMEOUT ? UNDERWAY_UNSURE
			       : UNDERWAY_ENDED);
	if (r != OK && !retained_has(credentials, &refresh->whose))
		refresh_failed(refresh, r, why);
	else if (!is_heard(&refresh->reply))
		refresh_unheard(refresh);
	else if (r == OK && !boxed)
		done_keep(refresh, done);
	else if (!retained_go_on(refresh))
		refresh_unheard(refresh); /* another one had it meanwhile */
}

static enum err
names_keep(struct refresh *refresh, const struct msg_refresh_run *in, struct why *why)
{
	enum err r = OK;

	if ((refresh->names = arena_array(&refresh->arena, in->secrets_n, sizeof(*refresh->names))) == NULL)
		return fail(why, ERR_LIMIT, "no room for the names");
	for (size_t i = 0; i < in->secrets_n && r == OK; i++)
		r = arena_span(&refresh->arena, in->secrets[i].key, &refresh->names[i]);
	refresh->names_n = in->secrets_n;
	return r == OK ? arena_span(&refresh->arena, in->key, &refresh->whose.key) : r;
}

/* What the child needs for an entry; the key of it is the job's. */
static enum err
ledger_say(const struct credentials *credentials, const struct ledger_whose *whose, struct arena *arena,
    struct span *out, struct why *why)
{
	uint8_t *at = arena_alloc(arena, LEDGER_JOB_BYTES);

	if (at == NULL)
		return fail(why, ERR_LIMIT, "no room for the material");
	memcpy(at, credentials->keys.roots[0].box_public, 32);
	memcpy(at + 32, whose->provider.bytes, 16);
	memcpy(at + 48, whose->print, 16);
	*out = span_of_bytes(at, LEDGER_JOB_BYTES);
	return OK;
}

static enum err
job_begin(struct credentials *credentials, const struct msg_fetch_job *job, struct refresh *refresh, struct why *why)
{
	enum err r;

	if (job->ledger.length == 0)
		return fetch_start(credentials, job, NULL, refreshed, refresh, why);
	if ((r = underway_begin(credentials, &refresh->whose, why)) == OK &&
	    (r = fetch_start(credentials, job, &refresh->whose, refreshed, refresh, why)) != OK)
		underway_end(credentials, &refresh->whose, UNDERWAY_ENDED);
	return r;
}

static enum err
job_run(
    struct credentials *credentials, struct msg *m, const struct span *values, struct refresh *refresh, struct why *why)
{
	const struct msg_refresh_run *in = &m->refresh_run;
	struct msg_fetch_value secrets[OPENED_MAX];
	struct span *texts = arena_array(m->arena, in->material_n + 1, sizeof(*texts));
	char *url = arena_format(m->arena, "token_url=" SPAN_FORMAT, SPAN_ARGS(in->token_url));
	struct msg_fetch_job job = {.what = span_of_text(strategies[in->strategy]),
	    .key = in->key,
	    .texts = texts,
	    .texts_n = in->material_n + 1,
	    .secrets = secrets,
	    .secrets_n = in->secrets_n,
	    .scopes = in->scopes,
	    .scopes_n = in->scopes_n,
	    .outputs = in->outputs,
	    .outputs_n = in->outputs_n,
	    .lifetime_ms = in->lifetime_ms};
	enum err r;

	if (texts == NULL || url == NULL)
		return fail(why, ERR_LIMIT, "no room for the material");
	if (in->strategy == ROTATES && (r = ledger_say(credentials, &refresh->whose, m->arena, &job.ledger, why)) != OK)
		return r;
	for (size_t i = 0; i < in->secrets_n; i++)
		secrets[i] = (struct msg_fetch_value){short_name(in->secrets[i].key), values[i]};
	texts[0] = span_of_text(url); /* first: material may not say another */
	for (size_t i = 0; i < in->material_n; i++)
		texts[i + 1] = in->material[i];
	return job_begin(credentials, &job, refresh, why);
}

static enum err
refresh_new(struct credentials *credentials, const struct msg_refresh_run *in, struct refresh **out, struct why *why)
{
	struct refresh *refresh = calloc(1, sizeof(*refresh));
	enum err r;

	if (refresh == NULL)
		abort();
	refresh->credentials = credentials;
	refresh->provider = in->provider_id;
	refresh->attempt = in->attempt;
	refresh->whose = whose_of(in);
	if ((r = names_keep(refresh, in, why)) != OK)
		refresh_free(refresh);
	else
		*out = refresh;
	return r;
}

static enum err
refresh_opened(struct credentials *credentials, struct msg *m, const struct span *values, struct reply *reply,
    struct msg *answer, struct why *why)
{
	struct refresh *refresh;
	enum err r;

	(void)answer;
	if ((r = refresh_new(credentials, &m->refresh_run, &refresh, why)) != OK)
		return r;
	if (underway_has(credentials, &refresh->whose) ||
	    retained_has(credentials, &refresh->whose)) /* since it was asked for */
		r = fail(why, ERR_BUSY, "it is being renewed already");
	else
		r = job_run(credentials, m, values, refresh, why);
	if (r != OK) {
		refresh_free(refresh);
		return r;
	}
	refresh->reply = opening_reply(reply, m);
	return OK;
}

/* A child had the answer, and whoever asked for it is gone, or has not stored it: it is kept anew, under this attempt. */
static bool
refresh_again(struct credentials *credentials, struct msg *m, enum err *r, struct why *why)
{
	auto_room struct room room = {0};
	const struct ledger_whose whose = whose_of(&m->refresh_run);
	struct refresh *refresh;
	struct span answer;

	if (!retained_open(credentials, &whose, &room, &answer))
		return false;
	if ((*r = refresh_new(credentials, &m->refresh_run, &refresh, why)) == OK) {
		refresh->reply = reply_later(m);
		log_info("refresh.retained", "provider=%s", id_text(refresh->provider));
		answer_keep(refresh, answer);
	}
	return true;
}

/*
 * Mint a credential.
 *
 * in      refresh_run, from state, which has the lease: nobody else does it now
 * out     refreshed, when the child has answered, or has before
 * errors  ERR_DENIED the server refused (its error code is in the words); ERR_UNAVAILABLE, ERR_TIMEOUT it is away, or the child
 *         died; ERR_PROTOCOL, ERR_LIMIT its answer; ERR_INVALID the material; ERR_STATE, ERR_DENIED a record
 */
enum err
refresh_run(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	const struct msg_refresh_run *in = &m->refresh_run;
	const struct ledger_whose whose = whose_of(in);
	struct wanted wanted[OPENED_MAX];
	enum err r = OK;

	if (refresh_again(self, m, &r, why))
		return r;
	if (underway_has(self, &whose))
		return underway_hold(self, &whose, m, refresh_run, why);
	for (size_t i = 0; i < in->secrets_n; i++)
		wanted[i] = (struct wanted){in->provider_id, &in->secrets[i]};
	return records_open(self, m, wanted, in->secrets_n, refresh_opened, answer, why);
}

/*
 * What was minted is in the database.
 *
 * in      refresh_kept, from state
 */
enum err
refresh_kept(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	(void)answer;
	(void)why;
	retained_forget(self, m->refresh_kept.provider_id, m->refresh_kept.key);
	return OK;
}
