/* The keeper: the unprivileged process that starts the children which speak with the world (services/credentials/fetch). */
#ifndef CREDENTIALS_KEEPER_H
#define CREDENTIALS_KEEPER_H

#include "services/credentials/credentials.h"

/*
 * Start the keeper: the unprivileged process that starts those children when it is handed a socket, as credentials itself may
 * start nothing once it is jailed. Before the jail.
 */
enum err keeper_start(struct credentials *credentials, struct why *why) must_check;

/* After the jail: without its keeper credentials ends. */
enum err keeper_watch(struct credentials *credentials, struct why *why) must_check;
void keeper_done(struct credentials *credentials);

/*
 * Hand it a socket: it starts a child that reads a job from there. The descriptor stays the caller's.
 *
 * ledger  the child is given the ledger to append to, where there is one, and ends by itself instead of with us
 * errors  ERR_LIMIT
 */
enum err keeper_hand(struct credentials *credentials, int fd, bool ledger, struct why *why) must_check;

#endif
