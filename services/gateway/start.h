/* Start: the gateway as a daemon, with its first steps shown to the person who started it. */
#ifndef GATEWAY_START_H
#define GATEWAY_START_H

#include "services/gateway/config.h"

/*
 * Start this program again in the background with the same words, its log in DATA/gateway.log, and wait until it serves
 * or has failed.
 *
 * argv    NULL-terminated, of this process
 * errors  what the daemon said
 */
enum err start_daemon(const struct config *config, int argc, char **argv, struct why *why) must_check;

#endif
