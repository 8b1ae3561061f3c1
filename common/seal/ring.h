/* The ring: the storage keys, newest first, and the master keys before this one, in a file that only the master key opens. */
#ifndef COMMON_SEAL_RING_H
#define COMMON_SEAL_RING_H

#include "common/seal/stored.h"

#define RING_KEYS_MAX	 17 /* the newest, and what keys_have can name besides */
#define RING_RETIRED_MAX 7  /* master keys that were replaced and that running sandboxes' claims are still of */

/* What is written: 8 bytes that say what it is, then for each key a nonce of 24 and the key sealed (48). */
#define RING_BYTES(keys) (8 + (size_t)(keys) * (24 + 32 + 16))
#define RING_BYTES_MAX	 RING_BYTES(RING_KEYS_MAX + RING_RETIRED_MAX)

struct ring {
	size_t count;
	struct storage_key keys[RING_KEYS_MAX]; /* newest first */
	size_t retired_n;
	struct secret retired[RING_RETIRED_MAX]; /* master keys, newest first: nothing stored is sealed with them */
};

/* Put a fresh key in front. ERR_LIMIT: RING_KEYS_MAX are there already. */
enum err ring_add(struct ring *ring, struct why *why) must_check;

/* Leave the newest storage key alone; the others are wiped. */
void ring_trim(struct ring *ring);

/* Keep a master key that is being replaced. ERR_LIMIT: RING_RETIRED_MAX are kept already. */
enum err ring_retire(struct ring *ring, const struct secret *master, struct why *why) must_check;

/* No claim is of a retired master key any more: they are wiped. */
void ring_release(struct ring *ring);

/* The key of that name; NULL when there is none. */
const struct storage_key *ring_find(const struct ring *ring, const uint8_t name[STORAGE_NAME_BYTES]);

/* Write RING_BYTES(ring->count + ring->retired_n) bytes: XChaCha20-Poly1305 under a key derived from the master key, bound to place and count. */
void ring_write(const struct ring *ring, const struct secret *master, uint8_t *out);

/*
 * Read what ring_write wrote.
 *
 * out     the caller's to wipe; untouched unless OK
 * errors  ERR_SYNTAX it is no ring; ERR_DENIED it was sealed under another master key, or changed
 */
enum err ring_read(struct span bytes, const struct secret *master, struct ring *out, struct why *why) must_check;

void ring_wipe(struct ring *ring);

#define auto_ring __attribute__((cleanup(ring_wipe)))

#endif
