/* The ledger: retained answers in a file, sealed as they go to state, so that the death of this process takes none with it. */
#ifndef CREDENTIALS_LEDGER_H
#define CREDENTIALS_LEDGER_H

#include "services/credentials/credentials.h"
#include "services/credentials/ledger_entry.h"

/* Open ledger_file, before the jail; without one nothing is written. ERR_SYSTEM. */
enum err ledger_open(struct credentials *credentials, struct why *why) must_check;

/* An answer that is good for so many ms more. */
typedef void ledger_taker(
    struct credentials *credentials, const struct retained_for *whose, struct span answer, uint64_t left_ms);

/* Take up what is in it, oldest first: each that is still good. A torn tail is cut off. */
void ledger_load(struct credentials *credentials, ledger_taker *take);

/* Append an entry and have it on the disk. A failure is logged: the answer is in memory all the same. */
void ledger_add(struct credentials *credentials, const struct ledger_entry *entry);

/* Has it grown to twice what is retained? Then it is emptied, and what is retained added again. */
bool ledger_is_old(const struct credentials *credentials);
void ledger_clear(struct credentials *credentials);

void ledger_close(struct credentials *credentials);

#endif
