/* Answers of token servers in a crypto_box_seal, bound to whose they are. */
#include "common/seal/answer_box.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define WHOSE_BYTES (16 + 16)

_Static_assert(crypto_box_SEALBYTES + WHOSE_BYTES == ANSWER_BOX_BYTES(0), "sizes that answer_box.h states");

static void
whose_write(const struct ledger_whose *whose, uint8_t to[WHOSE_BYTES])
{
	memcpy(to, whose->provider.bytes, 16);
	memcpy(to + 16, whose->print, 16);
}

enum err
answer_box_make(
    const uint8_t broker_key[32], const struct ledger_whose *whose, struct span answer, uint8_t *out, struct why *why)
{
	size_t length = WHOSE_BYTES + answer.length;
	uint8_t *clear = malloc(length);
	int bad;

	if (clear == NULL)
		abort();
	whose_write(whose, clear);
	if (answer.length > 0)
		memcpy(clear + WHOSE_BYTES, answer.at, answer.length);
	bad = crypto_box_seal(out, clear, length, broker_key);
	sodium_memzero(clear, length);
	free(clear);
	return bad == 0 ? OK : fail(why, ERR_INVALID, "the broker's key is no X25519 key");
}

enum err
answer_box_open(struct span box, const struct ledger_whose *whose, const uint8_t broker_key[32],
    const uint8_t broker_secret[32], uint8_t *room, struct span *out, struct why *why)
{
	uint8_t said[WHOSE_BYTES];

	if (box.length < ANSWER_BOX_BYTES(0) ||
	    crypto_box_seal_open(room, (const uint8_t *)box.at, box.length, broker_key, broker_secret) != 0)
		return fail(why, ERR_DENIED, "an answer that is not sealed for this broker, or was changed");
	whose_write(whose, said);
	if (sodium_memcmp(said, room, WHOSE_BYTES) != 0) {
		sodium_memzero(room, box.length);
		return fail(why, ERR_DENIED, "an answer to another refresh");
	}
	*out = span_of_bytes(room + WHOSE_BYTES, box.length - ANSWER_BOX_BYTES(0));
	return OK;
}
