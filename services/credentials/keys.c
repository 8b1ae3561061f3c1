/* Keys: read once; claims derived with BLAKE2b (crypto_generichash of libsodium, RFC 7693). */
#include "services/credentials/keys.h"

#include <sodium.h>

#include "common/seal/key_file.h"
#include "common/seal/master.h"

/* Refused by a small RLIMIT_MEMLOCK: swap then may see it; a core image never does. */
static void
keys_lock(struct keys *keys)
{
	(void)!sodium_mlock(keys, sizeof(*keys));
}

static enum err
ring_load(struct keys *keys, const char *path, struct why *why)
{
	uint8_t bytes[RING_BYTES_MAX];
	size_t length;
	enum err r;

	if ((r = key_file_read(path, 1, sizeof(bytes), bytes, &length, why)) != OK)
		return because(why, r, "ring_file");
	if ((r = ring_read(span_of_bytes(bytes, length), &keys->master, &keys->ring, why)) != OK)
		return because(why, r, "ring_file %s", path);
	return OK;
}

enum err
keys_load(struct keys *keys, const char *master_path, const char *ring_path, struct why *why)
{
	enum err r;

	keys_lock(keys);
	if ((r = key_file_secret(master_path, &keys->master, why)) != OK)
		return because(why, r, "master_key_file");
	keys_derive(keys);
	return ring_load(keys, ring_path, why);
}

void
keys_derive(struct keys *keys)
{
	master_box(&keys->master, &keys->box, keys->box_public);
}

void
keys_done(struct keys *keys)
{
	sodium_munlock(keys, sizeof(*keys)); /* wipes */
}

/* Sandbox and epoch as they stand in every hash. */
static void
hash_start(crypto_generichash_state *state, struct id sandbox, uint32_t epoch)
{
	const uint8_t number[4] = {
	    (uint8_t)(epoch >> 24), (uint8_t)(epoch >> 16), (uint8_t)(epoch >> 8), (uint8_t)epoch};

	crypto_generichash_update(state, sandbox.bytes, sizeof(sandbox.bytes));
	crypto_generichash_update(state, number, sizeof(number));
}

void
keys_claim(const struct keys *keys, struct id sandbox, uint32_t epoch, struct secret *out)
{
	static const char label[] = "claim";
	crypto_generichash_state state;

	crypto_generichash_init(&state, keys->master.bytes, sizeof(keys->master.bytes), sizeof(out->bytes));
	crypto_generichash_update(&state, (const uint8_t *)label, sizeof(label) - 1);
	hash_start(&state, sandbox, epoch);
	crypto_generichash_final(&state, out->bytes, sizeof(out->bytes));
	explicit_bzero(&state, sizeof(state));
}

void
claim_mac(const struct secret *claim, struct id sandbox, uint32_t epoch, const uint8_t router_key[32], uint8_t out[32])
{
	crypto_generichash_state state;

	crypto_generichash_init(&state, claim->bytes, sizeof(claim->bytes), 32);
	hash_start(&state, sandbox, epoch);
	crypto_generichash_update(&state, router_key, 32);
	crypto_generichash_final(&state, out, 32);
	explicit_bzero(&state, sizeof(state));
}
