/* The flow of a lane: bytes in both directions, held to what the other side takes. For lane.c. */
#ifndef SSHD_LANE_FLOW_H
#define SSHD_LANE_FLOW_H

#include "sandbox/sshd/lane.h"

/* The client's bytes that libssh holds, those that were left before included: how many are taken now. */
size_t lane_got(struct lane *lane, struct span bytes);

/* Offer what is held, then what libssh holds; false: nobody takes it now. */
bool lane_pull(struct lane *lane);

/* Does any output wait? */
bool lane_waits(const struct lane *lane);

/* Write what waits, as far as the client takes it. */
void lane_flush(struct lane *lane);

void lane_flow_done(struct lane *lane);

#endif
