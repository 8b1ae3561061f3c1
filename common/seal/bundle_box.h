/* Bundle boxes: a message `bundle` (proto/bus.def) from credentials for the router of one start of a sandbox. */
#ifndef COMMON_SEAL_BUNDLE_BOX_H
#define COMMON_SEAL_BUNDLE_BOX_H

#include "common/base/err.h"
#include "common/base/secret.h"
#include "common/bus/message.h"

#define BUNDLE_BOX_OVERHEAD (24 + 16)
#define BUNDLE_BOX_MAX	    (1u << 20) /* as secrets_push carries it */

/* At least as many bytes as the bundle's msgpack has. */
size_t bundle_clear_bytes(const struct msg_bundle *bundle);

/*
 * Encode and box it (crypto_box of libsodium: X25519, XSalsa20-Poly1305): nonce 24, box. The clear bytes lie in room and
 * nowhere else, and are wiped.
 *
 * room    bundle_clear_bytes(bundle) bytes, the caller's, best locked in memory
 * out     that many and BUNDLE_BOX_OVERHEAD, the caller's; *length gets how many were used
 * errors  ERR_RANGE a field out of its bounds; ERR_LIMIT more than BUNDLE_BOX_MAX; ERR_INVALID router_key is no key
 */
enum err bundle_box_make(const struct msg_bundle *bundle, const uint8_t router_key[32],
    const struct secret *credentials_secret, uint8_t *room, uint8_t *out, size_t *length, struct why *why) must_check;

/*
 * Open a box. Whether sandbox, epoch, revision and chunk are the expected ones is the caller's to check.
 *
 * room    box.length bytes, the caller's to wipe once it is done with out: all texts and bytes are borrowed from there
 * arena   for the lists, which hold no secret
 * out     untouched unless OK
 * errors  ERR_DENIED not from credentials, not for this key, or changed; ERR_PROTOCOL what is inside is no bundle;
 *         ERR_LIMIT the arena's ceiling. room is wiped then
 */
enum err bundle_box_open(struct span box, const uint8_t credentials_key[32], const struct secret *router_secret,
    uint8_t *room, struct arena *arena, struct msg_bundle *out, struct why *why) must_check;

#endif
