/* Refreshes that a child is at, ours or one that has outlived the credentials before us: while it is, nobody else may show the same
 * refresh token to the server. Whoever asks for one meanwhile is answered when it has ended. */
#ifndef CREDENTIALS_UNDERWAY_H
#define CREDENTIALS_UNDERWAY_H

#include "common/seal/ledger_entry.h"
#include "services/credentials/credentials.h"

#define HELD_MAX 256

/* One is to begin. ERR_LIMIT the ledger takes no more for now. whose is copied. */
enum err underway_begin(struct credentials *credentials, const struct ledger_whose *whose, struct why *why) must_check;

/* Its child is started: the ledger says so before. ERR_SYSTEM it takes no more: no child may be started. */
enum err underway_note(struct credentials *credentials, const struct ledger_whose *whose, struct why *why) must_check;

enum underway_end {
	UNDERWAY_ANSWERED, /* the ledger has the answer */
	UNDERWAY_ENDED,
	UNDERWAY_UNSURE, /* it has not answered in time, and may still: its end is read from the ledger, or it is over at its limit */
};

/* It has ended; whoever waits for it is served. */
void underway_end(struct credentials *credentials, const struct ledger_whose *whose, enum underway_end how);

bool underway_has(const struct credentials *credentials, const struct ledger_whose *whose);

/* Hand a request to that handler again when the child is at an end. ERR_LIMIT HELD_MAX wait already. */
enum err underway_hold(struct credentials *credentials, const struct ledger_whose *whose, const struct msg *m,
    handler *again, struct why *why) must_check;

/* What the ledger says at the start: answers, and children that are still at it. */
void underway_load(struct credentials *credentials);

void underway_init(struct credentials *credentials);

/* Nothing is said to be at an end: the next one looks after it. */
void underway_done(struct credentials *credentials);

#endif
