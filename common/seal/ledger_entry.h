/* An entry of the ledger of refreshes: its bytes. Written by credentials and by its children; apart from the file, so that it can be
 * tried without one. */
#ifndef COMMON_SEAL_LEDGER_ENTRY_H
#define COMMON_SEAL_LEDGER_ENTRY_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/base/id.h"
#include "common/base/span.h"

/* Whose refresh: a credential, and of what records it is minted: configured anew it is another one. */
struct ledger_whose {
	struct id provider;
	struct span key;
	uint8_t print[16];
};

enum ledger_what {
	LEDGER_BEGUN = 1, /* a child is at it, at most until then: nobody else shows the same token to the server */
	LEDGER_ANSWER,	  /* what the server gave, good until then: begun no more */
	LEDGER_ENDED,	  /* neither begun nor needed any more */
};

/* All borrowed. */
struct ledger_entry {
	enum ledger_what what;
	struct ledger_whose whose;
	uint64_t until_ms; /* wall clock */
	struct span box;   /* with LEDGER_ANSWER: common/seal/answer_box.h */
};

#define LEDGER_KEY_MAX	 256
#define LEDGER_BOX_MAX	 65536
#define LEDGER_BYTES_MAX (16u << 20) /* of the file */
#define LEDGER_KEPT_MS	 604800000u /* a week: the token for its time is long over then, the refresh token may not be */
#define LEDGER_JOB_BYTES (32 + 16 + 16) /* what a child is told: X25519 key, provider, print */

/*
 * Read one entry: what it is 8, length of the rest behind the hash 4, BLAKE2b of that 16; enum ledger_what 1, until 8, provider 16,
 * print 16, length of the key 2, key, box; numbers big-endian.
 *
 * used    how many bytes it has
 * errors  ERR_MORE it ends early; ERR_SYNTAX it is none. out and used are untouched then
 */
enum err ledger_entry_read(struct span bytes, struct ledger_entry *out, size_t *used, struct why *why) must_check;

/*
 * The next one that is whole at or behind *at, which moves behind it: what a death in the middle of writing left is passed over.
 * False: there is none yet, and *at stays, as the last one may still be being written.
 */
bool ledger_entry_next(struct span bytes, size_t *at, struct ledger_entry *out) must_check;

/* Write one: so many bytes, the caller's to free. */
char *ledger_entry_write(const struct ledger_entry *entry, size_t *length);

#endif
