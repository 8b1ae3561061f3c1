/* Keys: read once, derived with BLAKE2b (crypto_generichash of libsodium, RFC 7693), one label for each
 * purpose. */
#include "services/credentials/keys.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <sys/stat.h>

#include "common/base/clean.h"

/* One byte more is asked for, so that a longer file shows. */
static enum err
read_key(int fd, const char *path, struct secret *out, struct why *why)
{
	uint8_t bytes[sizeof(out->bytes) + 1];
	ssize_t n = read(fd, bytes, sizeof(bytes));
	enum err r = OK;

	if (n < 0)
		r = fail_errno(why, ERR_SYSTEM, "master_key_file %s: read", path);
	else if ((size_t)n != sizeof(out->bytes))
		r = fail(why, ERR_INVALID, "master_key_file %s: it must have exactly %zu bytes", path,
		    sizeof(out->bytes));
	else
		memcpy(out->bytes, bytes, sizeof(out->bytes));
	explicit_bzero(bytes, sizeof(bytes));
	return r;
}

enum err
keys_load(struct keys *keys, const char *path, struct why *why)
{
	auto_fd int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	struct stat st;
	enum err r;

	if (fd < 0 || fstat(fd, &st) < 0)
		return fail_errno(why, ERR_SYSTEM, "master_key_file %s", path);
	if (!S_ISREG(st.st_mode))
		return fail(why, ERR_INVALID, "master_key_file %s: not a regular file", path);
	if ((st.st_mode & 077) != 0)
		return fail(why, ERR_INVALID,
		    "master_key_file %s: mode %o lets others at it; it must be 0600", path,
		    (unsigned)st.st_mode & 07777);
	if ((r = read_key(fd, path, &keys->master, why)) == OK)
		keys_derive(keys);
	return r;
}

void
keys_derive(struct keys *keys)
{
	static const char label[] = "box key";

	(void)!sodium_mlock(
	    keys, sizeof(*keys)); /* refused by a small RLIMIT_MEMLOCK: swap then may see it */
	crypto_generichash(keys->box.bytes, sizeof(keys->box.bytes), (const uint8_t *)label,
	    sizeof(label) - 1, keys->master.bytes, sizeof(keys->master.bytes));
	crypto_scalarmult_base(keys->box_public, keys->box.bytes);
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
claim_mac(const struct secret *claim, struct id sandbox, uint32_t epoch, const uint8_t router_key[32],
    uint8_t out[32])
{
	crypto_generichash_state state;

	crypto_generichash_init(&state, claim->bytes, sizeof(claim->bytes), 32);
	hash_start(&state, sandbox, epoch);
	crypto_generichash_update(&state, router_key, 32);
	crypto_generichash_final(&state, out, 32);
	explicit_bzero(&state, sizeof(state));
}
