/* Records: made under the newest storage key, opened with the one they name. */
#include "services/credentials/record.h"

#include "common/base/text.h"

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

enum err
record_key(const struct credentials *credentials, struct span record, const struct storage_key **out, struct why *why)
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

	if ((r = record_key(credentials, record->record, &key, why)) != OK ||
	    (r = stored_open(key, &owner, record->record, room_take(room, record->record.length), kind, value, why)) !=
		OK)
		return because(why, r, "record of %s", log_quote(record->key));
	return OK;
}
