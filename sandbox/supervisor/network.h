/* The agent's network, seen from inside it: built at the spawner's birth, tried out, and its sockets handed up. */
#ifndef SANDBOX_SUPERVISOR_NETWORK_H
#define SANDBOX_SUPERVISOR_NETWORK_H

#include "common/base/err.h"

/* The order of spawner_ready: transparent IPv4 and IPv6, explicit, DNS UDP and TCP, metadata emulator; and then */
enum { NETWORK_SOCK_DIAG = 6, NETWORK_REFUSALS, NETWORK_FDS };

struct network {
	bool fenced;	 /* the rules stand and do what they say: fds are open */
	struct why open; /* why not */
	int fds[NETWORK_FDS];
};

/*
 * Bring lo up and, unless closed, have the fence built and the sockets opened. What fails there leaves the network
 * closed, with the reason in out->open; that is no error.
 *
 * The process must hold all capabilities of the user namespace that its network namespace belongs to.
 *
 * errors  ERR_SYSTEM lo does not come up
 */
enum err network_build(bool closed, struct network *out, struct why *why) must_check;

/*
 * Is this the only way out? Fenced: TCP to any address, of both families, comes to our own listener with its destination;
 * all else is refused. Not fenced: nothing outside can be reached.
 *
 * The process must still hold its capabilities: it sends what the agent cannot.
 *
 * errors  ERR_STATE what was found instead
 */
enum err network_check(const struct network *network, struct why *why) must_check;

void network_done(struct network *network);

#endif
