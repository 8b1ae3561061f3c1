/* Keys: what is made once and kept 0600 in the data directory, and what is made afresh at each start. */
#ifndef GATEWAY_KEYS_H
#define GATEWAY_KEYS_H

#include "common/base/secret.h"
#include "common/seal/ring.h"
#include "services/gateway/config.h"

/* An X25519 pair, which is also a CURVE pair. */
struct key_pair {
	struct secret secret;
	uint8_t key[32];
};

/* All keys of a running gateway. */
struct keys {
	struct key_pair state, credentials, api; /* fresh at each start of the gateway */
	struct key_pair relay, driver;		 /* kept: running sandboxes know the relay by its key */
	struct key_pair driver_box;		 /* kept: claims are boxed for it */
	struct secret master;	     /* kept, or the configuration's: the root of claims and stored secrets */
	uint8_t credentials_box[32]; /* derived from it: public half of what secrets are sealed for */
	struct secret audit;	     /* kept: chains the audit rows */
};

/*
 * Load the kept ones from DATA/keys, making those that are missing, and make the fresh ones.
 *
 * errors  ERR_INVALID a file of another size, or open to others: it is refused and never overwritten; ERR_DENIED the ring of
 *         storage keys was sealed with another master key; ERR_SYSTEM
 */
enum err keys_load(struct keys *keys, const struct config *config, struct why *why) must_check;

void keys_wipe(struct keys *keys);

/* Where the master key, the one that a rotation puts in its place ("": none is configured), and the ring of storage keys are. */
const char *keys_master_path(const struct config *config, char to[PATH_BYTES]);
const char *keys_next_path(const struct config *config, char to[PATH_BYTES]);
const char *keys_ring_path(const struct config *config, char to[PATH_BYTES]);

/*
 * Read both; they are the caller's to wipe. A rotation of our own master key that was interrupted once the ring was sealed with
 * the next one is finished: the next one takes the other's place.
 *
 * errors  ERR_NOT_FOUND there is no ring yet; otherwise as keys_load
 */
enum err keys_ring_load(
    const struct config *config, struct secret *master, struct ring *ring, struct why *why) must_check;

/*
 * The master key that is to take the place of this one: made in DATA/keys, or the configured one.
 *
 * out     OK: the caller's to wipe
 * errors  ERR_NOT_FOUND master_key_file is configured and no next one, or that one is in place already; as key_file_secret
 */
enum err keys_next_master(
    const struct config *config, const struct secret *master, struct secret *out, struct why *why) must_check;

/* Keep the master key that is being replaced, for sandboxes whose claims are of it. ERR_LIMIT too many are kept, and needed; ERR_BUSY that is not known yet. */
enum err keys_retire(
    const struct config *config, const struct secret *master, struct ring *ring, struct why *why) must_check;

/* The ring is sealed with the next master key: one of our own goes to the place of the one before. */
enum err keys_next_settle(const struct config *config, const struct secret *master, struct why *why) must_check;

/* Replace the ring at once and for good: whoever reads it sees the old one or the new one. */
enum err keys_ring_save(
    const struct config *config, const struct secret *master, const struct ring *ring, struct why *why) must_check;

#endif
