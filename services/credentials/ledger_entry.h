/* An entry of the ledger: its bytes. Apart from the file, so that it can be tried without one. */
#ifndef CREDENTIALS_LEDGER_ENTRY_H
#define CREDENTIALS_LEDGER_ENTRY_H

#include <stdint.h>

#include "common/base/err.h"
#include "common/base/id.h"
#include "common/base/span.h"

/* Whose answer: a credential, and of what records it was minted: configured anew it is another one. */
struct retained_for {
	struct id provider;
	struct span key;
	uint8_t print[16];
};

/* One answer. All borrowed. */
struct ledger_entry {
	struct retained_for whose;
	struct span answer; /* a message refreshed, encoded */
	uint64_t until_ms;  /* wall clock */
};

#define LEDGER_KEY_MAX	 256
#define LEDGER_BYTES_MAX (8u << 20) /* of the file: what would not fit is in memory alone */

/*
 * Read one entry: what it is 8, length of the rest behind the hash 4, BLAKE2b of that 16; until 8, provider 16, print 16, length of
 * the key 2, key, answer; numbers big-endian.
 *
 * used    how many bytes it has
 * errors  ERR_MORE it ends early; ERR_SYNTAX it is none: what follows cannot be read either. out and used are untouched then
 */
enum err ledger_entry_read(struct span bytes, struct ledger_entry *out, size_t *used, struct why *why) must_check;

/* Write one: so many bytes, the caller's to free. */
char *ledger_entry_write(const struct ledger_entry *entry, size_t *length);

#endif
