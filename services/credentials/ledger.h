/* The ledger: a file of what is begun, answered and ended, to which our children append too; so the death of this process takes no
 * answer with it, nor the memory that a child is at one. */
#ifndef CREDENTIALS_LEDGER_H
#define CREDENTIALS_LEDGER_H

#include "common/seal/ledger_entry.h"
#include "services/credentials/credentials.h"

/* Open ledger_file twice, before the jail: for us, and for children, which can only append. Without one nothing is written. ERR_SYSTEM. */
enum err ledger_open(struct credentials *credentials, struct why *why) must_check;

typedef void ledger_taker(struct credentials *credentials, const struct ledger_entry *entry);

/* Take what was appended since the last time, oldest first. */
void ledger_read(struct credentials *credentials, ledger_taker *take);

/* Append an entry; durable: it is on the disk then. ERR_SYSTEM. OK without a ledger. */
enum err ledger_add(
    struct credentials *credentials, const struct ledger_entry *entry, bool durable, struct why *why) must_check;

/* How long it is; 0 without one. */
size_t ledger_size(const struct credentials *credentials);

/*
 * These entries instead of all that is in it, when nobody appends. At each instant they, or those before, are in it.
 *
 * length  at most half of ledger_size
 */
void ledger_replace(struct credentials *credentials, const char *entries, size_t length);

void ledger_close(struct credentials *credentials);

#endif
