/* Retained answers: what a refresh brought, until state says that it is in its database. A server that
 * gives a new refresh token may not take the old one again, so neither the death of state nor ours may lose it. They are sealed:
 * no secret in clear waits here. */
#ifndef CREDENTIALS_RETAINED_H
#define CREDENTIALS_RETAINED_H

#include "common/seal/ledger_entry.h"
#include "services/credentials/credentials.h"
#include "services/credentials/room.h"

#define RETAINED_MAX	   1024
#define RETAINED_BYTES_MAX (LEDGER_BYTES_MAX / 4) /* so that the ledger can always be written anew */

/* Whose a question is; key borrowed from it. Sealing its records under another storage key changes nothing of it. */
struct ledger_whose whose_of(const struct msg_refresh_run *in);
bool whose_same(const struct ledger_whose *a, const struct ledger_whose *b);

/* Keep an answer, which is in the ledger, for so many ms; the one before for that credential goes, and of too many the oldest. Copied. */
void retained_keep(
    struct credentials *credentials, const struct ledger_whose *whose, struct span box, uint64_t left_ms);

/*
 * The answer to this refresh, if there is one: opened into the room, out borrowed from there. It stays, as state may die before it has
 * it in its database.
 */
bool retained_open(
    struct credentials *credentials, const struct ledger_whose *whose, struct room *room, struct span *out);

/* Is there one? */
bool retained_has(struct credentials *credentials, const struct ledger_whose *whose);

/* State has it: it is needed no more. */
void retained_forget(struct credentials *credentials, struct id provider, struct span key);

/* The same, as the ledger says it. */
void retained_ended(struct credentials *credentials, const struct ledger_whose *whose);

/* Sealed for a master key that was replaced: sealed again for the one in force, before that is forgotten. */
void retained_renew(struct credentials *credentials);

/* The ledger written anew, where most of it is over and nobody is writing. */
void retained_tidy(struct credentials *credentials);

void retained_init(struct credentials *credentials);
void retained_end(struct credentials *credentials);

#endif
