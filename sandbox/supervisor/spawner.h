/* The spawner: process 1 of the agent's process namespace, confined as its commands are, and the parent of them all. */
#ifndef SANDBOX_SUPERVISOR_SPAWNER_H
#define SANDBOX_SUPERVISOR_SPAWNER_H

#include <stdbool.h>

/*
 * Serve the supervisor at the other end of descriptor 3 until it is gone; what main returns.
 *
 * closed  there is nobody to take connections: the network stays closed
 */
int spawner_main(bool closed);

#endif
