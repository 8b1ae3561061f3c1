/* Opening the records that a message needs, wherever their values are, and then answering it. */
#ifndef CREDENTIALS_OPENING_H
#define CREDENTIALS_OPENING_H

#include "services/credentials/credentials.h"

#define OPENED_MAX 64

/* A record to open; record NULL: none, its value is empty. */
struct wanted {
	struct id provider;
	const struct msg_secret_record *record;
};

/*
 * Go on with the values, in the order of what was wanted; they are wiped when this returns.
 *
 * m       the message, or a copy of it; its arena is good for the answer
 * answer  to be filled in, or left MSG_NONE after *reply was taken over
 */
typedef enum err opened(struct credentials *credentials, struct msg *m, const struct span *values, struct reply *reply,
    struct msg *answer, struct why *why);

/*
 * From a handler, which returns what this returns: at once where all values are in their records, else later, when all were
 * fetched (the message is copied then).
 *
 * errors  as record_open and outside_get; ERR_LIMIT
 */
enum err records_open(struct credentials *credentials, struct msg *m, const struct wanted *wanted, size_t n,
    opened *go_on, struct msg *answer, struct why *why) must_check;

/* For an opened: take over the reply that it was given, or make one of the message. */
struct reply opening_reply(struct reply *reply, const struct msg *m);

#endif
