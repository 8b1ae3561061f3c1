/* Stored secrets: each message's secrets are opened in a room of their own, which is wiped when it is answered. */
#include "services/credentials/store.h"

#include <assert.h>
#include <stdlib.h>

#include "common/seal/sealed.h"
#include "services/credentials/keep.h"
#include "services/credentials/outside.h"
#include "services/credentials/record.h"

#define STORE_MAX 64 /* secrets of one message, as bus.def has it */

/* ---- secrets_store ---- */

/* Who sealed it may have learnt our key before the master key was replaced. */
static enum err
box_open(const struct keys *keys, struct span box, uint8_t *room, struct sealed *out, struct why *why)
{
	enum err r = ERR_DENIED;

	for (size_t i = 0; i < keys->roots_n && r == ERR_DENIED; i++)
		r = sealed_open(box, keys->roots[i].box_public, keys->roots[i].box.bytes, room, out, why);
	return r;
}

static enum err
secret_open(const struct credentials *credentials, struct id provider, const struct msg_sealed_secret *secret,
    struct room *room, struct kept *out, struct why *why)
{
	struct sealed sealed;
	enum err r;

	if ((r = box_open(&credentials->keys, secret->box, room_take(room, secret->box.length), &sealed, why)) != OK)
		return r;
	if (!id_equal(sealed.provider, provider) || !span_equal(sealed.key, secret->key))
		return fail(why, ERR_DENIED, "it was sealed for another provider or key");
	*out = (struct kept){secret->key, sealed.value};
	return OK;
}

static size_t
boxes_bytes(const struct msg_secrets_store *in)
{
	size_t bytes = 0;

	for (size_t i = 0; i < in->secrets_n; i++)
		bytes += in->secrets[i].box.length;
	return bytes;
}

/* A secrets_store that waits for the store outside. */
struct storing {
	struct reply reply;
};

static void
stored(void *self, enum err r, struct msg_secret_record *records, size_t n, const struct why *why)
{
	struct storing *storing = self;
	const struct msg answer = {.id = SECRETS_STORED, .secrets_stored = {records, n}};

	if (r == OK)
		reply_send(&storing->reply, &answer);
	else
		reply_fail(&storing->reply, r, why);
	free(storing);
}

/*
 * Make records of secrets that api sealed.
 *
 * in      secrets_store, from state
 * out     secrets_stored
 * errors  ERR_DENIED a box that is not for this broker, this provider or this key; ERR_SYNTAX, ERR_RANGE what is in it;
 *         ERR_UNAVAILABLE, ERR_TIMEOUT, ERR_INVALID the secret store outside: secrets_drop of the attempt tidies up
 */
enum err
secrets_store(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	struct credentials *credentials = self;
	const struct msg_secrets_store *in = &m->secrets_store;
	struct kept values[STORE_MAX];
	auto_room struct room room = {0};
	struct storing *storing;
	enum err r;

	(void)answer;
	assert(in->secrets_n <= STORE_MAX);
	room_open(&room, boxes_bytes(in));
	for (size_t i = 0; i < in->secrets_n; i++)
		if ((r = secret_open(credentials, in->provider_id, &in->secrets[i], &room, &values[i], why)) != OK)
			return because(why, r, "secret %s", log_quote(in->secrets[i].key));
	if ((storing = calloc(1, sizeof(*storing))) == NULL)
		abort();
	storing->reply = reply_later(m);
	values_keep(credentials, in->provider_id, in->attempt, values, in->secrets_n, stored, storing);
	return OK;
}

/* ---- secrets_drop ---- */

/* A secrets_drop that waits for the store outside. */
struct dropping {
	struct reply reply;
	size_t pending;
	enum err failed;
	struct why why;
};

static void
dropping_end(struct dropping *dropping)
{
	const struct msg done = {.id = DONE};

	if (dropping->pending > 0)
		return;
	if (dropping->failed == OK)
		reply_send(&dropping->reply, &done);
	else
		reply_fail(&dropping->reply, dropping->failed, &dropping->why);
	free(dropping);
}

static void
dropped(void *self, enum err r, const struct msg_fetch_done *done, const struct why *why)
{
	struct dropping *dropping = self;

	(void)done;
	if (r != OK && dropping->failed == OK) {
		dropping->failed = r;
		dropping->why = *why;
	}
	dropping->pending--;
	dropping_end(dropping);
}

static enum err
record_drop(struct credentials *credentials, const struct msg_secrets_drop *in, const struct msg_secret_record *record,
    struct dropping *dropping, struct why *why)
{
	auto_room struct room room = {0};
	struct span handle = SPAN_NONE;
	enum stored_kind kind;
	enum err r;

	if (record != NULL) {
		if (!stored_says_handle(record->record))
			return OK; /* the value was in the record, and whatever key that is under may be gone */
		room_open(&room, record->record.length);
		if ((r = record_open(credentials, in->provider_id, record, &room, &kind, &handle, why)) != OK)
			return r;
	}
	if ((r = outside_drop(credentials, handle, in->attempt, dropped, dropping, why)) == OK)
		dropping->pending++;
	return r;
}

/*
 * Records that nobody refers to any more: what a store outside holds of them goes; or, without records, all of an attempt.
 *
 * in      secrets_drop, from state, which asks again until it is done
 * out     done
 * errors  as secrets_store; ERR_STATE a record under a key that the ring does not have, or in a store that is not configured
 */
enum err
secrets_drop(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	struct credentials *credentials = self;
	const struct msg_secrets_drop *in = &m->secrets_drop;
	struct dropping *dropping;

	if (in->records_n == 0 && credentials->config->store == STORE_POSTGRES) {
		answer->id = DONE;
		return OK;
	}
	if ((dropping = calloc(1, sizeof(*dropping))) == NULL)
		abort();
	dropping->reply = reply_later(m);
	if (in->records_n == 0)
		dropping->failed = record_drop(credentials, in, NULL, dropping, why);
	for (size_t i = 0; i < in->records_n && dropping->failed == OK; i++)
		dropping->failed = record_drop(credentials, in, &in->records[i], dropping, why);
	dropping->why = *why;
	dropping_end(dropping);
	return OK;
}

/* ---- secrets_rewrap ---- */

static enum err
record_rewrap(const struct credentials *credentials, struct id provider, const struct msg_secret_record *record,
    struct arena *arena, struct msg_secret_record *out, struct why *why)
{
	const struct stored_owner owner = {provider, record->key};
	uint8_t *bytes = arena_alloc(arena, record->record.length);
	const struct storage_key *key;
	enum err r;

	if (bytes == NULL)
		return fail(why, ERR_LIMIT, "no room for a record");
	if ((r = record_key(credentials, record->record, &key, why)) != OK ||
	    (r = stored_rewrap(key, &credentials->keys.ring.keys[0], &owner, record->record, bytes, why)) != OK)
		return r;
	*out = (struct msg_secret_record){.key = record->key, .record = span_of_bytes(bytes, record->record.length)};
	return OK;
}

/*
 * Records under the newest key instead of an older one; no value is opened.
 *
 * in      secrets_rewrap, from state
 * out     secrets_stored
 * errors  ERR_STATE under a key that the ring does not have; ERR_DENIED of another provider or key, or changed;
 *         ERR_SYNTAX no record. The words name which
 */
enum err
secrets_rewrap(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	const struct credentials *credentials = self;
	const struct msg_secrets_rewrap *in = &m->secrets_rewrap;
	struct msg_secret_record *records = arena_array(m->arena, in->records_n, sizeof(*records));
	enum err r;

	if (records == NULL)
		return fail(why, ERR_LIMIT, "no room for the records");
	for (size_t i = 0; i < in->records_n; i++)
		if ((r = record_rewrap(credentials, in->provider_id, &in->records[i], m->arena, &records[i], why)) !=
		    OK)
			return because(why, r, "record of %s", log_quote(in->records[i].key));
	answer->id = SECRETS_STORED;
	answer->secrets_stored.records = records;
	answer->secrets_stored.records_n = in->records_n;
	return OK;
}
