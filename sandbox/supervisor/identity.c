/* The keys of one start of a sandbox, made before anything else runs. */
#include "sandbox/supervisor/supervisor.h"

#include <sodium.h>

/* BLAKE2b keyed with the claim, over sandbox, epoch (big-endian) and key: as credentials computes it. */
static void
mac(const struct msg_bootstrap *boot, const uint8_t router_key[32], uint8_t out[32])
{
	const uint8_t epoch[4] = {(uint8_t)(boot->epoch >> 24), (uint8_t)(boot->epoch >> 16),
	    (uint8_t)(boot->epoch >> 8), (uint8_t)boot->epoch};
	crypto_generichash_state state;

	crypto_generichash_init(&state, (const uint8_t *)boot->claim.at, boot->claim.length, 32);
	crypto_generichash_update(&state, boot->sandbox.bytes, sizeof(boot->sandbox.bytes));
	crypto_generichash_update(&state, epoch, sizeof(epoch));
	crypto_generichash_update(&state, router_key, 32);
	crypto_generichash_final(&state, out, 32);
	explicit_bzero(&state, sizeof(state));
}

enum err
identity_make(struct identity *out, const struct msg_bootstrap *boot, struct why *why)
{
	uint8_t unused[32];

	if (sodium_init() < 0)
		return fail(why, ERR_SYSTEM, "libsodium finds no source of random bytes");
	out->instance = id_new();
	crypto_box_keypair(unused, out->bus_secret.bytes); /* CURVE of ZeroMQ is crypto_box */
	crypto_box_keypair(out->router_key, out->router_secret.bytes);
	randombytes_buf(out->host_key.bytes, sizeof(out->host_key.bytes));
	mac(boot, out->router_key, out->router_mac);
	explicit_bzero((char *)(uintptr_t)boot->claim.at, boot->claim.length);
	return OK;
}
