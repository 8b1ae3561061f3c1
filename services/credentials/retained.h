/* Retained answers: what a refresh brought, until the same is asked for with what it brought. A server that gives a new refresh token
 * may not take the old one again, so neither the death of state nor ours may lose it. */
#ifndef CREDENTIALS_RETAINED_H
#define CREDENTIALS_RETAINED_H

#include "services/credentials/credentials.h"
#include "services/credentials/ledger_entry.h"

#define RETAINED_MAX 1024
#define RETAINED_MS  604800000u /* a week: the token for its time is long over then, the refresh token may not be */

/* That of a question; key borrowed from it. */
struct retained_for retained_for(const struct msg_refresh_run *in);

/* Keep a sealed answer, here and in the ledger, for a refresh_run of the same; the one before for that credential goes, and of too
 * many the oldest. Copied. */
void retained_keep(
    struct credentials *credentials, const struct retained_for *whose, const struct msg_refreshed *answer);

/* Answer by it: true when there was one. It stays, as state may die before it has it in its database. The arena holds the copy. */
bool retained_take(
    struct credentials *credentials, const struct retained_for *whose, struct arena *arena, struct msg_refreshed *out);

/* Those that the ledger has. */
void retained_load(struct credentials *credentials);

void retained_init(struct credentials *credentials);
void retained_end(struct credentials *credentials);

#endif
