/* Stored secrets: the two seals of a record, one within reach of the storage key, one of the data key. */
#include "common/seal/stored.h"

#include <sodium.h>

#define VERSION	    1
#define VERSION_AT  STORAGE_NAME_BYTES
#define KIND_AT	    (VERSION_AT + 1)
#define ID_AT	    (KIND_AT + 1)
#define WRAP_AT	    (ID_AT + 16)
#define NONCE_BYTES 24
#define TAG_BYTES   16
#define VALUE_AT    (WRAP_AT + NONCE_BYTES + 32 + TAG_BYTES)
#define LABEL_BYTES 24
#define ABOUT_MAX   (LABEL_BYTES + 2 + 16 + 16 + SECRET_KEY_MAX)

_Static_assert(VALUE_AT + NONCE_BYTES + TAG_BYTES == STORED_OVERHEAD, "stored.h states the layout");
_Static_assert(crypto_aead_xchacha20poly1305_ietf_NPUBBYTES == NONCE_BYTES, "nonce");
_Static_assert(crypto_aead_xchacha20poly1305_ietf_ABYTES == TAG_BYTES, "tag");

static const char wrap_label[LABEL_BYTES] = "openshell data key";
static const char value_label[LABEL_BYTES] = "openshell secret value";

void
storage_key_name(struct storage_key *key)
{
	static const char label[] = "storage key";
	uint8_t hash[32];

	crypto_generichash(hash, sizeof(hash), (const uint8_t *)label, sizeof(label) - 1, key->secret.bytes,
	    sizeof(key->secret.bytes));
	memcpy(key->name, hash, STORAGE_NAME_BYTES);
}

/* What a seal is bound to: label, then version, kind and id as they stand in the record, provider, key. */
static size_t
about(const char label[LABEL_BYTES], const uint8_t *record, const struct stored_owner *owner, uint8_t out[ABOUT_MAX])
{
	memcpy(out, label, LABEL_BYTES);
	memcpy(out + LABEL_BYTES, record + VERSION_AT, 2 + 16);
	memcpy(out + LABEL_BYTES + 18, owner->provider.bytes, 16);
	memcpy(out + LABEL_BYTES + 34, owner->key.at, owner->key.length);
	return LABEL_BYTES + 34 + owner->key.length;
}

/* Seal bytes to at, where a nonce is put first. */
static void
part_seal(const uint8_t key[32], const char label[LABEL_BYTES], const struct stored_owner *owner, const uint8_t *record,
    struct span bytes, uint8_t *at)
{
	uint8_t bound[ABOUT_MAX];
	size_t bound_n = about(label, record, owner, bound);

	randombytes_buf(at, NONCE_BYTES);
	crypto_aead_xchacha20poly1305_ietf_encrypt(
	    at + NONCE_BYTES, NULL, (const uint8_t *)bytes.at, bytes.length, bound, bound_n, NULL, at, key);
}

static bool
part_open(const uint8_t key[32], const char label[LABEL_BYTES], const struct stored_owner *owner, const uint8_t *record,
    struct span part, uint8_t *to)
{
	uint8_t bound[ABOUT_MAX];
	size_t bound_n = about(label, record, owner, bound);
	const uint8_t *at = (const uint8_t *)part.at;

	return crypto_aead_xchacha20poly1305_ietf_decrypt(
		   to, NULL, NULL, at + NONCE_BYTES, part.length - NONCE_BYTES, bound, bound_n, at, key) == 0;
}

static enum err
owner_check(const struct stored_owner *owner, struct why *why)
{
	if (owner->key.length == 0 || owner->key.length > SECRET_KEY_MAX)
		return fail(why, ERR_RANGE, "a key has 1 to %d bytes", SECRET_KEY_MAX);
	return OK;
}

enum err
stored_make(const struct storage_key *key, const struct stored_owner *owner, enum stored_kind kind, struct span value,
    uint8_t *out, struct why *why)
{
	auto_secret struct secret data;
	enum err r;

	if ((r = owner_check(owner, why)) != OK)
		return r;
	if (value.length > SECRET_VALUE_MAX)
		return fail(why, ERR_RANGE, "a value has at most %d bytes", SECRET_VALUE_MAX);
	memcpy(out, key->name, STORAGE_NAME_BYTES);
	out[VERSION_AT] = VERSION;
	out[KIND_AT] = (uint8_t)kind;
	randombytes_buf(out + ID_AT, 16);
	randombytes_buf(data.bytes, sizeof(data.bytes));
	part_seal(key->secret.bytes, wrap_label, owner, out, span_of_bytes(data.bytes, 32), out + WRAP_AT);
	part_seal(data.bytes, value_label, owner, out, value, out + VALUE_AT);
	return OK;
}

static enum err
record_check(struct span record, struct why *why)
{
	const uint8_t *at = (const uint8_t *)record.at;

	if (record.length < STORED_OVERHEAD || record.length > STORED_BYTES_MAX)
		return fail(why, ERR_SYNTAX, "a record of %zu bytes", record.length);
	if (at[VERSION_AT] != VERSION)
		return fail(why, ERR_SYNTAX, "a record of version %u; this is of version %d", at[VERSION_AT], VERSION);
	if (at[KIND_AT] != STORED_VALUE && at[KIND_AT] != STORED_HANDLE)
		return fail(why, ERR_SYNTAX, "a record of kind %u", at[KIND_AT]);
	return OK;
}

enum err
stored_under(struct span record, uint8_t out[STORAGE_NAME_BYTES], struct why *why)
{
	enum err r = record_check(record, why);

	if (r == OK)
		memcpy(out, record.at, STORAGE_NAME_BYTES);
	return r;
}

struct span
stored_lasting(struct span record)
{
	return record.length > VALUE_AT ? span_tail(record, VALUE_AT) : record;
}

bool
stored_says_handle(struct span record)
{
	return record.length > KIND_AT && record.at[KIND_AT] == STORED_HANDLE;
}

static enum err
data_open(const struct storage_key *key, const struct stored_owner *owner, struct span record, struct secret *data,
    struct why *why)
{
	enum err r;

	if ((r = owner_check(owner, why)) != OK || (r = record_check(record, why)) != OK)
		return r;
	if (memcmp(record.at, key->name, STORAGE_NAME_BYTES) != 0)
		return fail(why, ERR_STATE, "a record that is under another storage key");
	if (!part_open(key->secret.bytes, wrap_label, owner, (const uint8_t *)record.at,
		span_head(span_tail(record, WRAP_AT), VALUE_AT - WRAP_AT), data->bytes))
		return fail(why, ERR_DENIED, "a record of another provider or key, or one that was changed");
	return OK;
}

enum err
stored_open(const struct storage_key *key, const struct stored_owner *owner, struct span record, uint8_t *room,
    enum stored_kind *kind, struct span *value, struct why *why)
{
	auto_secret struct secret data;
	enum err r;

	if ((r = data_open(key, owner, record, &data, why)) != OK)
		return r;
	if (!part_open(data.bytes, value_label, owner, (const uint8_t *)record.at, span_tail(record, VALUE_AT), room))
		return fail(why, ERR_DENIED, "a record whose value was changed");
	*kind = (enum stored_kind)record.at[KIND_AT];
	*value = span_of_bytes(room, record.length - STORED_OVERHEAD);
	return OK;
}

enum err
stored_rewrap(const struct storage_key *from, const struct storage_key *to, const struct stored_owner *owner,
    struct span record, uint8_t *out, struct why *why)
{
	auto_secret struct secret data;
	enum err r;

	if ((r = data_open(from, owner, record, &data, why)) != OK)
		return r;
	memcpy(out, record.at, record.length);
	memcpy(out, to->name, STORAGE_NAME_BYTES);
	part_seal(to->secret.bytes, wrap_label, owner, out, span_of_bytes(data.bytes, 32), out + WRAP_AT);
	return OK;
}
