/* Keys: the master key, what is derived from it, and the storage keys. Apart, so that nothing else sees the master key. */
#ifndef CREDENTIALS_KEYS_H
#define CREDENTIALS_KEYS_H

#include <stdint.h>

#include "common/base/err.h"
#include "common/base/id.h"
#include "common/base/secret.h"
#include "common/seal/ring.h"

/* Held locked in memory where the system allows it; wiped by keys_done. */
struct keys {
	struct secret master;
	struct secret box; /* X25519, derived: the same after each start */
	uint8_t box_public[32];
	struct ring ring; /* storage keys, newest first */
};

/*
 * Read the master key (32 bytes) and the ring of storage keys that is sealed with it (common/seal/ring.h), both made by the
 * gateway and readable by their owner alone.
 *
 * errors  ERR_NOT_FOUND, ERR_SYSTEM one cannot be read; ERR_INVALID another size, not a regular file, or others may read
 *         it; ERR_SYNTAX, ERR_DENIED the ring is none, or of another master key
 */
enum err keys_load(struct keys *keys, const char *master_path, const char *ring_path, struct why *why) must_check;

/* Derive the box key from the master key that is in place. */
void keys_derive(struct keys *keys);

void keys_done(struct keys *keys);

/* The claim of one start of a sandbox: BLAKE2b keyed with the master key, over "claim", sandbox, epoch
 * (big-endian). */
void keys_claim(const struct keys *keys, struct id sandbox, uint32_t epoch, struct secret *out);

/* What a router proves its key with: BLAKE2b keyed with the claim, over sandbox, epoch (big-endian), router
 * key. */
void claim_mac(
    const struct secret *claim, struct id sandbox, uint32_t epoch, const uint8_t router_key[32], uint8_t out[32]);

#endif
