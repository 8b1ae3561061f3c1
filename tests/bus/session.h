/* What the tests of relay and link both say and expect: a sandbox that is let in, and the byte streams of its commands.
 */
#ifndef TESTS_BUS_SESSION_H
#define TESTS_BUS_SESSION_H

#include "tests/bus/script.h"

extern const struct msg done;
extern const struct msg enrolled; /* a sandbox demo, of no configuration */
extern struct span argv_true[1];
extern const uint8_t bytes32[32]; /* a key or a token; it means nothing */

void send_grant(struct peer *peer, uint64_t stream, uint8_t channel, uint64_t limit);
void send_data(struct peer *peer, uint64_t stream, uint8_t channel, uint64_t offset, struct span bytes);
void send_end(struct peer *peer, uint64_t stream, uint8_t channel, uint64_t offset);

/* The next of its kind that this actor hears is this. */
void expect_data(struct actor *actor, uint64_t stream, uint8_t channel, const char *text);
void expect_grant(struct actor *actor, uint64_t stream, uint8_t channel, uint64_t limit);
void expect_end(struct actor *actor, uint64_t stream, uint8_t channel, uint64_t offset);
void expect_exited(struct actor *actor, uint64_t stream, uint16_t code);
void expect_killed(struct actor *actor, uint64_t stream);

#endif
