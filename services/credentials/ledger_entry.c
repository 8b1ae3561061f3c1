/* An entry of the ledger: written and read. */
#include "services/credentials/ledger_entry.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define HASH_BYTES  16
#define HEAD_BYTES  (8 + 4 + HASH_BYTES)
#define FIXED_BYTES (8 + 16 + 16 + 2) /* of the rest, before the key */

static const char kind[8] = {'o', 's', 'r', 'e', 'f', 'r', 0, 1};

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

enum err
ledger_entry_read(struct span bytes, struct ledger_entry *out, size_t *used, struct why *why)
{
	const uint8_t *at = (const uint8_t *)bytes.at, *rest = at + HEAD_BYTES;
	uint8_t hash[HASH_BYTES];
	struct ledger_entry entry;
	size_t length, key;

	if (bytes.length < HEAD_BYTES)
		return fail(why, ERR_MORE, "an entry's head ends early");
	length = (size_t)number_get(at + 8, 4);
	if (memcmp(at, kind, sizeof(kind)) != 0 || length < FIXED_BYTES + 1 || length > LEDGER_BYTES_MAX)
		return fail(why, ERR_SYNTAX, "no entry of a ledger");
	if (bytes.length - HEAD_BYTES < length)
		return fail(why, ERR_MORE, "an entry ends early");
	crypto_generichash(hash, sizeof(hash), rest, length, NULL, 0);
	key = (size_t)number_get(rest + FIXED_BYTES - 2, 2);
	if (memcmp(hash, at + 12, sizeof(hash)) != 0 || key == 0 || key > LEDGER_KEY_MAX || key >= length - FIXED_BYTES)
		return fail(why, ERR_SYNTAX, "an entry that was changed");
	entry.until_ms = number_get(rest, 8);
	memcpy(entry.whose.provider.bytes, rest + 8, 16);
	memcpy(entry.whose.print, rest + 24, 16);
	entry.whose.key = span_of_bytes(rest + FIXED_BYTES, key);
	entry.answer = span_of_bytes(rest + FIXED_BYTES + key, length - FIXED_BYTES - key);
	*out = entry;
	*used = HEAD_BYTES + length;
	return OK;
}

char *
ledger_entry_write(const struct ledger_entry *entry, size_t *length)
{
	size_t key = entry->whose.key.length, rest_n = FIXED_BYTES + key + entry->answer.length;
	uint8_t *at = malloc(HEAD_BYTES + rest_n), *rest;

	if (at == NULL)
		abort();
	rest = at + HEAD_BYTES;
	number_put(rest, entry->until_ms, 8);
	memcpy(rest + 8, entry->whose.provider.bytes, 16);
	memcpy(rest + 24, entry->whose.print, 16);
	number_put(rest + FIXED_BYTES - 2, key, 2);
	memcpy(rest + FIXED_BYTES, entry->whose.key.at, key);
	memcpy(rest + FIXED_BYTES + key, entry->answer.at, entry->answer.length);
	memcpy(at, kind, sizeof(kind));
	number_put(at + 8, rest_n, 4);
	crypto_generichash(at + 12, HASH_BYTES, rest, rest_n, NULL, 0);
	*length = HEAD_BYTES + rest_n;
	return (char *)at;
}
