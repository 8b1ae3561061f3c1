/* Retained answers: what a refresh brought while state was away. A server that gives a new refresh token may not take the old one again. */
#ifndef CREDENTIALS_RETAINED_H
#define CREDENTIALS_RETAINED_H

#include "services/credentials/credentials.h"

#define RETAINED_MAX 64
#define RETAINED_MS  600000

/* Whose answer: a credential, and of what records it was minted: configured anew it is another one. */
struct retained_for {
	struct id provider;
	struct span key;
	uint8_t print[16];
};

/* That of a question; key borrowed from it. */
struct retained_for retained_for(const struct msg_refresh_run *in);

/* Keep a sealed answer for the next refresh_run of the same; of too many the oldest goes. Copied. */
void retained_keep(
    struct credentials *credentials, const struct retained_for *whose, const struct msg_refreshed *answer);

/* Answer by it, once: true when there was one. The arena holds the copy. */
bool retained_take(
    struct credentials *credentials, const struct retained_for *whose, struct arena *arena, struct msg_refreshed *out);

void retained_init(struct credentials *credentials);
void retained_end(struct credentials *credentials);

#endif
