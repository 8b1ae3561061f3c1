/* Refresh: the material is opened for the child's job, and what it brings is sealed at once. */
#include "services/credentials/refresh.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/base/clean.h"
#include "services/credentials/fetching.h"
#include "services/credentials/keep.h"
#include "services/credentials/opening.h"
#include "services/credentials/retained.h"

#define KEPT_MAX 20 /* values and material of one fetch_done, as bus.def has it */

/* By the numbers of openshell.v1.ProviderCredentialRefreshStrategy. */
static const char *const strategies[] = {
    [3] = "oauth_refresh", [4] = "oauth_client", [5] = "google_jwt", [6] = "aws_role"};

/* A refresh that waits for its child. */
struct refresh {
	struct credentials *credentials;
	struct reply reply;
	struct id provider, attempt;
	struct retained_for whose; /* its key is what is minted, in the arena */
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

/* A server gave us a new refresh token: on the disk before anybody can die, and should state ask as before, it is answered by this. */
static bool
answer_retain(struct refresh *refresh, const struct msg *answer)
{
	struct why why;

	retained_keep(refresh->credentials, &refresh->whose, &answer->refreshed);
	if (is_heard(&refresh->reply))
		return false;
	log_info("refresh.retained", "provider=%s", id_text(refresh->provider));
	fail(&why, ERR_UNAVAILABLE, "asked on a link that is gone");
	reply_fail(&refresh->reply, ERR_UNAVAILABLE, &why);
	return true;
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
		if (refresh->values_n == n || refresh->credentials->config->store != STORE_POSTGRES ||
		    !answer_retain(refresh, &answer))
			reply_send(&refresh->reply, &answer);
	} else {
		reply_fail(&refresh->reply, r, why);
	}
	refresh_free(refresh);
}

static void
refreshed(void *self, enum err r, const struct msg_fetch_done *done, const struct why *why)
{
	struct refresh *refresh = self;
	struct kept values[KEPT_MAX];
	size_t n = 0;

	if (r != OK) {
		log_warning("refresh.failed", "provider=%s why=\"%s\"", id_text(refresh->provider), why->text);
		reply_fail(&refresh->reply, r, why);
		refresh_free(refresh);
		return;
	}
	for (size_t i = 0; i < done->values_n; i++)
		values[n++] = (struct kept){done->values[i].key, done->values[i].value};
	for (size_t i = 0; i < done->material_n; i++)
		values[n++] = (struct kept){whole_name(refresh, done->material[i].key), done->material[i].value};
	refresh->values_n = done->values_n;
	refresh->expires_ms = done->expires_ms;
	values_keep(refresh->credentials, refresh->provider, refresh->attempt, values, n, kept_all, refresh);
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

	if (texts == NULL || url == NULL)
		return fail(why, ERR_LIMIT, "no room for the material");
	for (size_t i = 0; i < in->secrets_n; i++)
		secrets[i] = (struct msg_fetch_value){short_name(in->secrets[i].key), values[i]};
	texts[0] = span_of_text(url); /* first: material may not say another */
	for (size_t i = 0; i < in->material_n; i++)
		texts[i + 1] = in->material[i];
	return fetch_start(credentials, &job, refreshed, refresh, why);
}

static enum err
refresh_opened(struct credentials *credentials, struct msg *m, const struct span *values, struct reply *reply,
    struct msg *answer, struct why *why)
{
	struct refresh *refresh = calloc(1, sizeof(*refresh));
	enum err r;

	(void)answer;
	if (refresh == NULL)
		abort();
	refresh->credentials = credentials;
	refresh->provider = m->refresh_run.provider_id;
	refresh->attempt = m->refresh_run.attempt;
	refresh->whose = retained_for(&m->refresh_run);
	if ((r = names_keep(refresh, &m->refresh_run, why)) != OK ||
	    (r = job_run(credentials, m, values, refresh, why)) != OK) {
		refresh_free(refresh);
		return r;
	}
	refresh->reply = opening_reply(reply, m);
	return OK;
}

/*
 * Mint a credential.
 *
 * in      refresh_run, from state, which has the lease: nobody else does it now
 * out     refreshed, when the child has answered
 * errors  ERR_DENIED the server refused (its error code is in the words); ERR_UNAVAILABLE, ERR_TIMEOUT it is away, or the child
 *         died; ERR_PROTOCOL, ERR_LIMIT its answer; ERR_INVALID the material; ERR_STATE, ERR_DENIED a record
 */
enum err
refresh_run(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	const struct msg_refresh_run *in = &m->refresh_run;
	const struct retained_for whose = retained_for(in);
	struct wanted wanted[OPENED_MAX];

	if (retained_take(self, &whose, m->arena, &answer->refreshed)) {
		answer->id = REFRESHED;
		return OK;
	}
	for (size_t i = 0; i < in->secrets_n; i++)
		wanted[i] = (struct wanted){in->provider_id, &in->secrets[i]};
	return records_open(self, m, wanted, in->secrets_n, refresh_opened, answer, why);
}
