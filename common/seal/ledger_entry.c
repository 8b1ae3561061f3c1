/* An entry of the ledger: written, read, and found again behind one that was torn. */
#include "common/seal/ledger_entry.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define HASH_BYTES  16
#define HEAD_BYTES  (8 + 4 + HASH_BYTES)
#define FIXED_BYTES (1 + 8 + 16 + 16 + 2) /* of the rest, before the key */
#define REST_MAX    (FIXED_BYTES + LEDGER_KEY_MAX + LEDGER_BOX_MAX)
#define TRIES_MAX   4096 /* beginnings that were none: so many torn ones there never are */

static const char kind[8] = {'o', 's', 'r', 'e', 'f', 'r', 0, 2};

static void
number_put(uint8_t *at, uint64_t number, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		at[i] = (uint8_t)(number >> (8 * (bytes - 1 - i)));
}

static uint64_t
number_get(const uint8_t *at, size_t bytes)
{
	uint64_t number = 0;

	for (size_t i = 0; i < bytes; i++)
		number = number << 8 | at[i];
	return number;
}

/* What is behind the hash. */
static enum err
rest_read(const uint8_t *rest, size_t length, struct ledger_entry *out, struct why *why)
{
	size_t key = (size_t)number_get(rest + FIXED_BYTES - 2, 2), box;
	struct ledger_entry entry = {.what = (enum ledger_what)rest[0], .until_ms = number_get(rest + 1, 8)};

	if (key == 0 || key > LEDGER_KEY_MAX || key > length - FIXED_BYTES)
		return fail(why, ERR_SYNTAX, "an entry whose key has %zu bytes", key);
	box = length - FIXED_BYTES - key;
	if (entry.what < LEDGER_BEGUN || entry.what > LEDGER_ENDED || (box > 0) != (entry.what == LEDGER_ANSWER) ||
	    box > LEDGER_BOX_MAX)
		return fail(why, ERR_SYNTAX, "an entry of kind %d with %zu bytes", (int)entry.what, box);
	memcpy(entry.whose.provider.bytes, rest + 9, 16);
	memcpy(entry.whose.print, rest + 25, 16);
	entry.whose.key = span_of_bytes(rest + FIXED_BYTES, key);
	if (box > 0)
		entry.box = span_of_bytes(rest + FIXED_BYTES + key, box);
	*out = entry;
	return OK;
}

enum err
ledger_entry_read(struct span bytes, struct ledger_entry *out, size_t *used, struct why *why)
{
	const uint8_t *at = (const uint8_t *)bytes.at;
	uint8_t hash[HASH_BYTES];
	size_t length;
	enum err r;

	if (bytes.length < HEAD_BYTES)
		return fail(why, ERR_MORE, "an entry's head ends early");
	length = (size_t)number_get(at + 8, 4);
	if (memcmp(at, kind, sizeof(kind)) != 0 || length < FIXED_BYTES + 1 || length > REST_MAX)
		return fail(why, ERR_SYNTAX, "no entry of a ledger");
	if (bytes.length - HEAD_BYTES < length)
		return fail(why, ERR_MORE, "an entry ends early");
	crypto_generichash(hash, sizeof(hash), at + HEAD_BYTES, length, NULL, 0);
	if (memcmp(hash, at + 12, sizeof(hash)) != 0)
		return fail(why, ERR_SYNTAX, "an entry that was changed");
	if ((r = rest_read(at + HEAD_BYTES, length, out, why)) == OK)
		*used = HEAD_BYTES + length;
	return r;
}

bool
ledger_entry_next(struct span bytes, size_t *at, struct ledger_entry *out)
{
	size_t from = *at, used;

	for (unsigned tries = 0; from < bytes.length && tries < TRIES_MAX; tries++) {
		const char *next;

		if (ledger_entry_read(span_tail(bytes, from), out, &used, NULL) == OK) {
			*at = from + used;
			return true;
		}
		next = memmem(bytes.at + from + 1, bytes.length - from - 1, kind, sizeof(kind));
		from = next == NULL ? bytes.length : (size_t)(next - bytes.at);
	}
	return false;
}

char *
ledger_entry_write(const struct ledger_entry *entry, size_t *length)
{
	size_t key = entry->whose.key.length, rest_n = FIXED_BYTES + key + entry->box.length;
	uint8_t *at = malloc(HEAD_BYTES + rest_n), *rest;

	if (at == NULL)
		abort();
	rest = at + HEAD_BYTES;
	rest[0] = (uint8_t)entry->what;
	number_put(rest + 1, entry->until_ms, 8);
	memcpy(rest + 9, entry->whose.provider.bytes, 16);
	memcpy(rest + 25, entry->whose.print, 16);
	number_put(rest + FIXED_BYTES - 2, key, 2);
	memcpy(rest + FIXED_BYTES, entry->whose.key.at, key);
	if (entry->box.length > 0)
		memcpy(rest + FIXED_BYTES + key, entry->box.at, entry->box.length);
	memcpy(at, kind, sizeof(kind));
	number_put(at + 8, rest_n, 4);
	crypto_generichash(at + 12, HASH_BYTES, rest, rest_n, NULL, 0);
	*length = HEAD_BYTES + rest_n;
	return (char *)at;
}
