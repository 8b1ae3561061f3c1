/* The state of simulated sandboxes: it agrees to every enrolment whose key is the sandbox's first, and counts. */
#ifndef TESTS_BENCH_SESSIONS_STATE_H
#define TESTS_BENCH_SESSIONS_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/bus/peer.h"

/* What a bus needs that plays state. */
extern const struct route boxes_routes[];

/* Sandboxes 0, 1, ... (see links_id), once for the process. */
void boxes_new(uint32_t count);

/* The relay is gone, and with it all sessions. */
void boxes_away(void);

/* Has each a session, and acknowledged its policy in it? words says how many. */
bool boxes_there(char words[96]);

#endif
