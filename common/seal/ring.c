/* The ring: its bytes, and what is done to it in memory. Reading and writing the file is whoever owns it. */
#include "common/seal/ring.h"

#include <sodium.h>

#include "common/seal/master.h"

#define KIND_BYTES  8
#define NONCE_BYTES 24
#define KEY_BYTES   (NONCE_BYTES + 32 + 16)

#define RETIRED_AT 6 /* in kind: how many of the keys, from the end, are retired master keys */

static const uint8_t kind[KIND_BYTES] = {'o', 's', 'r', 'i', 'n', 'g', 0, 1};

_Static_assert(RING_BYTES(1) == KIND_BYTES + KEY_BYTES, "ring.h states the layout");

enum err
ring_add(struct ring *ring, struct why *why)
{
	if (ring->count == RING_KEYS_MAX)
		return fail(why, ERR_LIMIT, "the ring holds %d storage keys already", RING_KEYS_MAX);
	memmove(&ring->keys[1], &ring->keys[0], ring->count * sizeof(ring->keys[0]));
	ring->count++;
	randombytes_buf(ring->keys[0].secret.bytes, sizeof(ring->keys[0].secret.bytes));
	storage_key_name(&ring->keys[0]);
	return OK;
}

void
ring_trim(struct ring *ring)
{
	sodium_memzero(&ring->keys[1], sizeof(ring->keys) - sizeof(ring->keys[0]));
	ring->count = 1;
}

enum err
ring_retire(struct ring *ring, const struct secret *master, struct why *why)
{
	if (ring->retired_n == RING_RETIRED_MAX)
		return fail(why, ERR_LIMIT, "%d older master keys are kept", RING_RETIRED_MAX);
	memmove(&ring->retired[1], &ring->retired[0], ring->retired_n * sizeof(ring->retired[0]));
	ring->retired_n++;
	ring->retired[0] = *master;
	return OK;
}

void
ring_release(struct ring *ring)
{
	sodium_memzero(ring->retired, sizeof(ring->retired));
	ring->retired_n = 0;
}

const struct storage_key *
ring_find(const struct ring *ring, const uint8_t name[STORAGE_NAME_BYTES])
{
	for (size_t i = 0; i < ring->count; i++)
		if (memcmp(ring->keys[i].name, name, STORAGE_NAME_BYTES) == 0)
			return &ring->keys[i];
	return NULL;
}

/* What a key is bound to: the kind of file with the number of retired keys in it, its place, how many there are. */
static void
about(size_t place, size_t count, size_t retired, uint8_t out[KIND_BYTES + 2])
{
	memcpy(out, kind, KIND_BYTES);
	out[RETIRED_AT] = (uint8_t)retired;
	out[KIND_BYTES] = (uint8_t)place;
	out[KIND_BYTES + 1] = (uint8_t)count;
}

/* Storage keys first, then retired master keys. */
static const struct secret *
key_at(const struct ring *ring, size_t place)
{
	return place < ring->count ? &ring->keys[place].secret : &ring->retired[place - ring->count];
}

void
ring_write(const struct ring *ring, const struct secret *master, uint8_t *out)
{
	size_t count = ring->count + ring->retired_n;
	auto_secret struct secret key;
	uint8_t bound[KIND_BYTES + 2];

	master_ring_key(master, &key);
	memcpy(out, kind, KIND_BYTES);
	out[RETIRED_AT] = (uint8_t)ring->retired_n;
	for (size_t i = 0; i < count; i++) {
		uint8_t *at = out + KIND_BYTES + i * KEY_BYTES;

		about(i, count, ring->retired_n, bound);
		randombytes_buf(at, NONCE_BYTES);
		crypto_aead_xchacha20poly1305_ietf_encrypt(
		    at + NONCE_BYTES, NULL, key_at(ring, i)->bytes, 32, bound, sizeof(bound), NULL, at, key.bytes);
	}
}

/* How many keys there are; false: it is no ring. */
static bool
shape_read(struct span bytes, struct ring *out)
{
	const uint8_t *at = (const uint8_t *)bytes.at;
	size_t count;

	if (bytes.length < RING_BYTES(1) || bytes.length > RING_BYTES_MAX ||
	    (bytes.length - KIND_BYTES) % KEY_BYTES != 0 || memcmp(at, kind, RETIRED_AT) != 0 ||
	    at[RETIRED_AT + 1] != kind[RETIRED_AT + 1])
		return false;
	count = (bytes.length - KIND_BYTES) / KEY_BYTES;
	if (at[RETIRED_AT] > RING_RETIRED_MAX || at[RETIRED_AT] >= count || count - at[RETIRED_AT] > RING_KEYS_MAX)
		return false;
	out->retired_n = at[RETIRED_AT];
	out->count = count - out->retired_n;
	return true;
}

static bool
key_read(const uint8_t *at, size_t place, const struct secret *under, struct ring *ring)
{
	uint8_t bound[KIND_BYTES + 2];
	struct secret *out = (struct secret *)key_at(ring, place);

	about(place, ring->count + ring->retired_n, ring->retired_n, bound);
	return crypto_aead_xchacha20poly1305_ietf_decrypt(out->bytes, NULL, NULL, at + NONCE_BYTES,
		   KEY_BYTES - NONCE_BYTES, bound, sizeof(bound), at, under->bytes) == 0;
}

enum err
ring_read(struct span bytes, const struct secret *master, struct ring *out, struct why *why)
{
	const uint8_t *at = (const uint8_t *)bytes.at;
	auto_secret struct secret under;
	auto_ring struct ring ring = {0};

	if (!shape_read(bytes, &ring))
		return fail(why, ERR_SYNTAX, "it is no ring of storage keys: restore it from a backup");
	master_ring_key(master, &under);
	for (size_t i = 0; i < ring.count + ring.retired_n; i++)
		if (!key_read(at + KIND_BYTES + i * KEY_BYTES, i, &under, &ring))
			return fail(why, ERR_DENIED,
			    "the master key is not the one it was sealed with (or the ring was changed)");
	for (size_t i = 0; i < ring.count; i++)
		storage_key_name(&ring.keys[i]);
	*out = ring;
	return OK;
}

void
ring_wipe(struct ring *ring)
{
	sodium_memzero(ring, sizeof(*ring));
}
