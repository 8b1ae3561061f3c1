/* Given: a message kept as the bytes it came in, to be read again when it is needed. */
#ifndef SANDBOX_SUPERVISOR_GIVEN_H
#define SANDBOX_SUPERVISOR_GIVEN_H

#include "common/bus/codec.h"

/* NULL: none. Owned. */
struct given {
	char *bytes;
	size_t length;
};

void given_free(struct given *given);
void given_move(struct given *to, struct given *from);

/* Keep a copy, in place of what was kept. ERR_RANGE, ERR_LIMIT: it cannot be encoded; what was kept stays. */
enum err given_keep(struct given *to, const struct msg *m, struct why *why) must_check;

/* Read it: lists in the arena, text borrowed from given. */
void given_read(const struct given *given, struct arena *arena, struct msg *out);

#endif
