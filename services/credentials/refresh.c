/* Refresh: the material is opened for the child's job, and what it brings is sealed at once. */
#include "services/credentials/refresh.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/base/clean.h"
#include "services/credentials/fetching.h"
#include "services/credentials/store.h"

/* By the numbers of openshell.v1.ProviderCredentialRefreshStrategy. */
static const char *const strategies[] = {
    [3] = "oauth_refresh", [4] = "oauth_client", [5] = "google_jwt", [6] = "aws_role"};

/* A refresh that waits for its child. */
struct refresh {
	struct credentials *credentials;
	struct reply reply;
	struct id provider;
	struct arena arena;
	struct span *names; /* keys of the secret material, whole */
	size_t names_n;
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

static enum err
values_seal(struct refresh *refresh, const struct msg_fetch_value *values, size_t n, bool material, struct arena *arena,
    struct msg_secret_record **out, struct why *why)
{
	struct msg_secret_record *records = arena_array(arena, n, sizeof(*records));
	enum err r = OK;

	if (records == NULL)
		return fail(why, ERR_LIMIT, "no room for the records");
	for (size_t i = 0; i < n && r == OK; i++) {
		const struct stored_owner owner = {
		    refresh->provider, material ? whole_name(refresh, values[i].key) : values[i].key};

		r = record_make(refresh->credentials, &owner, STORED_VALUE, values[i].value, arena, &records[i], why);
	}
	*out = records;
	return r;
}

static void
refreshed(void *self, enum err r, const struct msg_fetch_done *done, const struct why *failed)
{
	struct refresh *refresh = self;
	auto_arena struct arena arena = {0};
	struct msg answer = {.id = REFRESHED};
	struct msg_refreshed *out = &answer.refreshed;
	struct why why = {""};

	if (r != OK) {
		log_warning("refresh.failed", "provider=%s why=\"%s\"", id_text(refresh->provider), failed->text);
		reply_fail(&refresh->reply, r, failed);
	} else if ((r = values_seal(refresh, done->values, done->values_n, false, &arena, &out->records, &why)) != OK ||
	    (r = values_seal(refresh, done->material, done->material_n, true, &arena, &out->material, &why)) != OK) {
		reply_fail(&refresh->reply, r, &why);
	} else {
		out->records_n = done->values_n;
		out->material_n = done->material_n;
		out->expires_ms = done->expires_ms;
		reply_send(&refresh->reply, &answer);
	}
	refresh_free(refresh);
}

static size_t
records_bytes(const struct msg_secret_record *records, size_t n)
{
	size_t bytes = 0;

	for (size_t i = 0; i < n; i++)
		bytes += records[i].record.length;
	return bytes;
}

static enum err
secrets_open(const struct credentials *credentials, struct id provider, const struct msg_secret_record *records, size_t n,
    struct room *room, struct msg_fetch_value *out, struct why *why)
{
	enum stored_kind kind;
	enum err r = OK;

	for (size_t i = 0; i < n && r == OK; i++) {
		out[i].key = short_name(records[i].key);
		r = record_open(credentials, provider, &records[i], room, &kind, &out[i].value, why);
	}
	return r;
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
	return r;
}

static enum err
job_make(const struct credentials *credentials, struct msg *m, struct room *room, struct msg_fetch_job *job, struct why *why)
{
	const struct msg_refresh_run *in = &m->refresh_run;
	struct msg_fetch_value *secrets = arena_array(m->arena, in->secrets_n, sizeof(*secrets));
	struct span *texts = arena_array(m->arena, in->material_n + 1, sizeof(*texts));
	char *url = arena_format(m->arena, "token_url=" SPAN_FORMAT, SPAN_ARGS(in->token_url));
	enum err r;

	if (secrets == NULL || texts == NULL || url == NULL)
		return fail(why, ERR_LIMIT, "no room for the material");
	room_open(room, records_bytes(in->secrets, in->secrets_n));
	if ((r = secrets_open(credentials, in->provider_id, in->secrets, in->secrets_n, room, secrets, why)) != OK)
		return r;
	texts[0] = span_of_text(url); /* first: material may not say another */
	memcpy(texts + 1, in->material, in->material_n * sizeof(*texts));
	*job = (struct msg_fetch_job){.what = span_of_text(strategies[in->strategy]),
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
	struct credentials *credentials = self;
	struct refresh *refresh = calloc(1, sizeof(*refresh));
	auto_room struct room room = {0};
	struct msg_fetch_job job;
	enum err r;

	(void)answer;
	if (refresh == NULL)
		abort();
	refresh->credentials = credentials;
	refresh->provider = m->refresh_run.provider_id;
	if ((r = names_keep(refresh, &m->refresh_run, why)) != OK || (r = job_make(credentials, m, &room, &job, why)) != OK ||
	    (r = fetch_start(credentials, &job, refreshed, refresh, why)) != OK) {
		refresh_free(refresh);
		return r;
	}
	refresh->reply = reply_later(m);
	return OK;
}

/* ---- model_probe ---- */

struct probe {
	struct reply reply;
};

static void
probed(void *self, enum err r, const struct msg_fetch_done *done, const struct why *why)
{
	struct probe *probe = self;
	struct msg answer = {.id = MODEL_PROBED};

	if (r == OK) {
		answer.model_probed = (struct msg_model_probed){done->status, done->body};
		reply_send(&probe->reply, &answer);
	} else {
		reply_fail(&probe->reply, r, why);
	}
	free(probe);
}

/* "https://host:port/path", with brackets around an IPv6 address. */
static char *
probe_url(const struct msg_model_probe *in, struct arena *arena)
{
	size_t at;
	bool six = span_find(in->host, ':', &at);

	return arena_format(arena, "url=%s://%s" SPAN_FORMAT "%s:%u%s" SPAN_FORMAT, in->tls ? "https" : "http", six ? "[" : "",
	    SPAN_ARGS(in->host), six ? "]" : "", in->port, in->path.at[0] == '/' ? "" : "/", SPAN_ARGS(in->path));
}

/*
 * Ask a model server something.
 *
 * in      model_probe, from state
 * out     model_probed: what it answered, whatever the status
 * errors  as refresh_run
 */
enum err
model_probe(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	static const char *const auths[] = {"auth=", "auth=bearer", "auth=x-api-key"};
	struct credentials *credentials = self;
	const struct msg_model_probe *in = &m->model_probe;
	struct msg_fetch_value key = {.key = SPAN("key")};
	char *url = probe_url(in, m->arena);
	struct span texts[] = {span_of_text(url), span_of_text(auths[in->auth])};
	const struct msg_fetch_job job = {.what = SPAN("probe"), .texts = texts, .texts_n = COUNT(texts), .secrets = &key,
	    .secrets_n = in->record_n, .fields = in->fields, .fields_n = in->fields_n, .body = in->body};
	auto_room struct room room = {0};
	struct probe *probe;
	enum stored_kind kind;
	enum err r;

	(void)answer;
	room_open(&room, records_bytes(in->record, in->record_n));
	if (in->record_n > 0 &&
	    (r = record_open(credentials, in->provider_id, &in->record[0], &room, &kind, &key.value, why)) != OK)
		return r;
	if ((probe = calloc(1, sizeof(*probe))) == NULL || url == NULL)
		abort();
	if ((r = fetch_start(credentials, &job, probed, probe, why)) != OK) {
		free(probe);
		return r;
	}
	probe->reply = reply_later(m);
	return OK;
}
