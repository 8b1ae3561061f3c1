/* Agreeing with state: are these the keys that its records are sealed under, and which of them are still in use? */
#ifndef CREDENTIALS_AGREE_H
#define CREDENTIALS_AGREE_H

#include "services/credentials/credentials.h"

/*
 * For bus.peer_up: ask state at each connection. Says "ready" to the parent when state first agrees; when state names a
 * storage key that the ring does not have, or knows another master key, the loop is stopped with credentials->failed set:
 * nothing was touched. While the ring has older keys it asks again, and writes what it hears for rotate-key.
 */
void agree_peer_up(void *self, struct peer *peer);

#endif
