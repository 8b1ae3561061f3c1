/* Sealed secrets: provider 16, length of the key 2 (big-endian), key, value; in a crypto_box_seal. */
#include "common/seal/sealed.h"

#include <sodium.h>

#define HEAD_BYTES (16 + 2)

_Static_assert(crypto_box_SEALBYTES == 48 && crypto_box_PUBLICKEYBYTES == 32, "sizes that sealed.h states");

static size_t
clear_write(uint8_t *clear, struct id provider, struct span key, struct span value)
{
	memcpy(clear, provider.bytes, 16);
	clear[16] = (uint8_t)(key.length >> 8);
	clear[17] = (uint8_t)key.length;
	memcpy(clear + HEAD_BYTES, key.at, key.length);
	if (value.length > 0)
		memcpy(clear + HEAD_BYTES + key.length, value.at, value.length);
	return HEAD_BYTES + key.length + value.length;
}

enum err
sealed_make(
    const uint8_t broker_key[32], struct id provider, struct span key, struct span value, uint8_t *out, struct why *why)
{
	uint8_t clear[HEAD_BYTES + SECRET_KEY_MAX + SECRET_VALUE_MAX];
	size_t length;
	int bad;

	if (key.length == 0 || key.length > SECRET_KEY_MAX)
		return fail(why, ERR_RANGE, "a key has 1 to %d bytes", SECRET_KEY_MAX);
	if (value.length > SECRET_VALUE_MAX)
		return fail(why, ERR_RANGE, "a value has at most %d bytes", SECRET_VALUE_MAX);
	length = clear_write(clear, provider, key, value);
	bad = crypto_box_seal(out, clear, length, broker_key);
	sodium_memzero(clear, length);
	return bad == 0 ? OK : fail(why, ERR_INVALID, "the broker's key is no X25519 key");
}

static enum err
clear_read(struct span clear, struct sealed *out, struct why *why)
{
	const uint8_t *at = (const uint8_t *)clear.at;
	struct sealed sealed;
	size_t length;

	length = (size_t)at[16] << 8 | at[17];
	if (length == 0 || length > SECRET_KEY_MAX || length > clear.length - HEAD_BYTES)
		return fail(why, ERR_SYNTAX, "a sealed secret with a key of %zu bytes", length);
	memcpy(sealed.provider.bytes, at, 16);
	sealed.key = span_of_bytes(at + HEAD_BYTES, length);
	sealed.value = span_tail(clear, HEAD_BYTES + length);
	if (!span_utf8(sealed.key))
		return fail(why, ERR_SYNTAX, "a sealed secret whose key is not UTF-8");
	if (sealed.value.length > SECRET_VALUE_MAX)
		return fail(why, ERR_RANGE, "a sealed secret with a value of more than %d bytes", SECRET_VALUE_MAX);
	*out = sealed;
	return OK;
}

enum err
sealed_open(struct span box, const uint8_t broker_key[32], const uint8_t broker_secret[32], uint8_t *room,
    struct sealed *out, struct why *why)
{
	size_t length;
	enum err r;

	if (box.length < crypto_box_SEALBYTES + HEAD_BYTES + 1 || box.length > SEALED_BYTES_MAX)
		return fail(why, ERR_RANGE, "a sealed secret of %zu bytes", box.length);
	length = box.length - crypto_box_SEALBYTES;
	if (crypto_box_seal_open(room, (const uint8_t *)box.at, box.length, broker_key, broker_secret) != 0)
		r = fail(why, ERR_DENIED, "a sealed secret that was not made for this broker, or was changed");
	else
		r = clear_read(span_of_bytes(room, length), out, why);
	if (r != OK)
		sodium_memzero(room, length);
	return r;
}
