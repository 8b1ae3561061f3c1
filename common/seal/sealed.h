/* Sealed secrets: one secret for the broker's eyes only, as api makes it of what a client brought. */
#ifndef COMMON_SEAL_SEALED_H
#define COMMON_SEAL_SEALED_H

#include "common/base/err.h"
#include "common/base/id.h"
#include "common/base/span.h"

#define SECRET_KEY_MAX	 256   /* bytes of the name of a credential, or of refresh material */
#define SECRET_VALUE_MAX 16384 /* bytes of its value */

/* How many bytes sealed_make writes: 48 of crypto_box_seal, 16 the provider, 2 the length of the key. */
#define SEALED_BYTES(key, value) (48 + 16 + 2 + (size_t)(key) + (size_t)(value))
#define SEALED_BYTES_MAX	 SEALED_BYTES(SECRET_KEY_MAX, SECRET_VALUE_MAX)

/* What a sealed secret holds; key and value borrowed from where it was opened. */
struct sealed {
	struct id provider;
	struct span key, value;
};

/*
 * Seal a secret (crypto_box_seal of libsodium: X25519, XSalsa20-Poly1305, a fresh key each time). What lay in clear on
 * the way is wiped; key and value are the caller's to wipe.
 *
 * broker_key  X25519 public key of credentials
 * out         SEALED_BYTES(key.length, value.length) bytes, the caller's: proto/bus.def, sealed_secret
 * errors      ERR_RANGE no key, or key or value too long; ERR_INVALID broker_key is no X25519 key
 */
enum err sealed_make(const uint8_t broker_key[32], struct id provider, struct span key, struct span value, uint8_t *out,
    struct why *why) must_check;

/*
 * Open one. Its key is UTF-8 without NUL.
 *
 * room    box.length bytes that the caller wipes: the clear text goes there
 * out     untouched unless OK
 * errors  ERR_DENIED it is not for this key, or was changed; ERR_SYNTAX the clear text is not what sealed_make writes;
 *         ERR_RANGE too short or too long. room is wiped then
 */
enum err sealed_open(struct span box, const uint8_t broker_key[32], const uint8_t broker_secret[32], uint8_t *room,
    struct sealed *out, struct why *why) must_check;

#endif
