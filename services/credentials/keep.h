/* Keeping values: records of them, whose values are in the record itself or first put into the secret store outside. */
#ifndef CREDENTIALS_KEEP_H
#define CREDENTIALS_KEEP_H

#include "services/credentials/credentials.h"

/* A value to keep, borrowed. */
struct kept {
	struct span key, value;
};

/* The records, in the same order, borrowed for the call; or why not. Once, from the loop or from within values_keep. */
typedef void values_kept(void *self, enum err r, struct msg_secret_record *records, size_t n, const struct why *why);

/* Values are copied or sealed before this returns. */
void values_keep(struct credentials *credentials, struct id provider, struct id attempt, const struct kept *values,
    size_t n, values_kept *done, void *self);

#endif
