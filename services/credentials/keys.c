/* Keys: read once; claims derived with BLAKE2b (crypto_generichash of libsodium, RFC 7693). */
#include "services/credentials/keys.h"

#include <sodium.h>

#include "common/seal/master.h"

/* Refused by a small RLIMIT_MEMLOCK: swap then may see it; a core image never does. */
static void
keys_lock(struct keys *keys)
{
	(void)!sodium_mlock(keys, sizeof(*keys));
}

static void
root_set(struct keys *keys, const struct secret *master)
{
	struct root *root = &keys->roots[keys->roots_n++];

	root->master = *master;
	root_derive(root);
}

enum err
keys_load(struct keys *keys, const struct ring_files *files, struct why *why)
{
	auto_secret struct secret master = {0};
	bool is_next;
	enum err r;

	keys_lock(keys);
	if ((r = ring_file_read(files, &master, &is_next, &keys->ring, why)) != OK)
		return r;
	keys->roots_n = 0;
	root_set(keys, &master);
	for (size_t i = 0; i < keys->ring.retired_n; i++)
		root_set(keys, &keys->ring.retired[i]);
	return OK;
}

void
root_derive(struct root *root)
{
	master_box(&root->master, &root->box, root->box_public);
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
root_claim(const struct root *root, struct id sandbox, uint32_t epoch, struct secret *out)
{
	static const char label[] = "claim";
	crypto_generichash_state state;

	crypto_generichash_init(&state, root->master.bytes, sizeof(root->master.bytes), sizeof(out->bytes));
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
