/* The master key: what is derived from it, one label of keyed BLAKE2b (RFC 7693) for each purpose. */
#ifndef COMMON_SEAL_MASTER_H
#define COMMON_SEAL_MASTER_H

#include "common/base/secret.h"

#define MASTER_PRINT_BYTES 16

/* The X25519 pair of credentials: secrets are sealed for it, and boxes for routers come from it. */
void master_box(const struct secret *master, struct secret *box, uint8_t box_public[32]);

/* What a store remembers the master key by; nothing follows from it. */
void master_print(const struct secret *master, uint8_t out[MASTER_PRINT_BYTES]);

/* The key that the ring of storage keys is sealed with. */
void master_ring_key(const struct secret *master, struct secret *out);

#endif
