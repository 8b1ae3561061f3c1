/* Keys: what is made once and kept 0600 in the data directory, and what is made afresh at each start. */
#ifndef GATEWAY_KEYS_H
#define GATEWAY_KEYS_H

#include "common/base/secret.h"
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
	struct secret master;			 /* kept: opens every stored secret */
	struct secret audit;			 /* kept: chains the audit rows */
};

/*
 * Load the kept ones from DATA/keys, making those that are missing, and make the fresh ones.
 *
 * errors  ERR_INVALID a file of another size, or open to others: it is refused and never overwritten; ERR_SYSTEM
 */
enum err keys_load(struct keys *keys, const struct config *config, struct why *why) must_check;

void keys_wipe(struct keys *keys);

#endif
