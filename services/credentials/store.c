/* Stored secrets: each message's secrets are opened in a room of their own, which is wiped when it is answered. */
#include "services/credentials/store.h"

#include "common/base/text.h"
#include "common/seal/sealed.h"

enum err
record_make(const struct credentials *credentials, const struct stored_owner *owner, enum stored_kind kind,
    struct span value, struct arena *arena, struct msg_secret_record *out, struct why *why)
{
	uint8_t *record = arena_alloc(arena, STORED_BYTES(value.length));
	struct span key;
	enum err r;

	if (record == NULL)
		return fail(why, ERR_LIMIT, "no room for a record");
	if ((r = arena_span(arena, owner->key, &key)) != OK)
		return fail(why, r, "no room for a record");
	if ((r = stored_make(&credentials->keys.ring.keys[0], owner, kind, value, record, why)) != OK)
		return r;
	*out = (struct msg_secret_record){.key = key, .record = span_of_bytes(record, STORED_BYTES(value.length))};
	return OK;
}

static enum err
key_of(const struct credentials *credentials, struct span record, const struct storage_key **out, struct why *why)
{
	uint8_t name[STORAGE_NAME_BYTES];
	char hex[2 * STORAGE_NAME_BYTES + 1];
	enum err r;

	if ((r = stored_under(record, name, why)) != OK)
		return r;
	if ((*out = ring_find(&credentials->keys.ring, name)) != NULL)
		return OK;
	hex_write(name, sizeof(name), hex);
	return fail(why, ERR_STATE, "it is sealed under the storage key %s, which the ring does not have", hex);
}

enum err
record_open(const struct credentials *credentials, struct id provider, const struct msg_secret_record *record,
    struct room *room, enum stored_kind *kind, struct span *value, struct why *why)
{
	const struct stored_owner owner = {provider, record->key};
	const struct storage_key *key;
	enum err r;

	if ((r = key_of(credentials, record->record, &key, why)) != OK ||
	    (r = stored_open(key, &owner, record->record, room_take(room, record->record.length), kind, value, why)) != OK)
		return because(why, r, "record of %s", log_quote(record->key));
	return OK;
}

/* ---- secrets_store ---- */

static enum err
secret_store(const struct credentials *credentials, struct id provider, const struct msg_sealed_secret *secret,
    struct arena *arena, struct msg_secret_record *out, struct why *why)
{
	const struct keys *keys = &credentials->keys;
	const struct stored_owner owner = {provider, secret->key};
	auto_room struct room room = {0};
	struct sealed sealed;
	enum err r;

	room_open(&room, secret->box.length);
	if ((r = sealed_open(secret->box, keys->box_public, keys->box.bytes, room_take(&room, secret->box.length), &sealed,
		 why)) != OK)
		return r;
	if (!id_equal(sealed.provider, provider) || !span_equal(sealed.key, secret->key))
		return fail(why, ERR_DENIED, "it was sealed for another provider or key");
	return record_make(credentials, &owner, STORED_VALUE, sealed.value, arena, out, why);
}

/*
 * Make records of secrets that api sealed.
 *
 * in      secrets_store, from state
 * out     secrets_stored
 * errors  ERR_DENIED a box that is not for this broker, this provider or this key; ERR_SYNTAX, ERR_RANGE what is in it
 */
enum err
secrets_store(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	const struct credentials *credentials = self;
	const struct msg_secrets_store *in = &m->secrets_store;
	struct msg_secret_record *records = arena_array(m->arena, in->secrets_n, sizeof(*records));
	enum err r;

	if (records == NULL)
		return fail(why, ERR_LIMIT, "no room for the records");
	for (size_t i = 0; i < in->secrets_n; i++)
		if ((r = secret_store(credentials, in->provider_id, &in->secrets[i], m->arena, &records[i], why)) != OK)
			return because(why, r, "secret %s", log_quote(in->secrets[i].key));
	answer->id = SECRETS_STORED;
	answer->secrets_stored.records = records;
	answer->secrets_stored.records_n = in->secrets_n;
	return OK;
}

/*
 * Records that nobody refers to any more: nothing is kept of them here.
 *
 * in      secrets_drop, from state
 * out     done
 */
enum err
secrets_drop(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	(void)self;
	(void)m;
	(void)why;
	answer->id = DONE;
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
	if ((r = key_of(credentials, record->record, &key, why)) != OK ||
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
		if ((r = record_rewrap(credentials, in->provider_id, &in->records[i], m->arena, &records[i], why)) != OK)
			return because(why, r, "record of %s", log_quote(in->records[i].key));
	answer->id = SECRETS_STORED;
	answer->secrets_stored.records = records;
	answer->secrets_stored.records_n = in->records_n;
	return OK;
}
