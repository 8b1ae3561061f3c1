/* Keys: the master keys, what is derived from them, and the storage keys. Apart, so that nothing else sees a master key. */
#ifndef CREDENTIALS_KEYS_H
#define CREDENTIALS_KEYS_H

#include <stdint.h>

#include "common/base/err.h"
#include "common/base/id.h"
#include "common/base/secret.h"
#include "common/seal/ring_file.h"

/* A master key and what is derived from it. */
struct root {
	struct secret master;
	struct secret box; /* X25519, derived: the same after each start */
	uint8_t box_public[32];
};

#define ROOTS_MAX (1 + RING_RETIRED_MAX)

/* Held locked in memory where the system allows it; wiped by keys_done. */
struct keys {
	struct root
	    roots[ROOTS_MAX]; /* the one in force, then retired ones, newest first: claims may still be of those */
	size_t roots_n;
	struct ring ring; /* storage keys, newest first */
};

/*
 * Read the master key (32 bytes) and the ring of storage keys that is sealed with it (common/seal/ring_file.h), made by the
 * gateway and readable by their owner alone.
 *
 * errors  as ring_file_read
 */
enum err keys_load(struct keys *keys, const struct ring_files *files, struct why *why) must_check;

/* Derive the box key from the master key that is in place. */
void root_derive(struct root *root);

void keys_done(struct keys *keys);

/* The claim of one start of a sandbox: BLAKE2b keyed with the master key, over "claim", sandbox, epoch
 * (big-endian). */
void root_claim(const struct root *root, struct id sandbox, uint32_t epoch, struct secret *out);

/* What a router proves its key with: BLAKE2b keyed with the claim, over sandbox, epoch (big-endian), router
 * key. */
void claim_mac(
    const struct secret *claim, struct id sandbox, uint32_t epoch, const uint8_t router_key[32], uint8_t out[32]);

#endif
