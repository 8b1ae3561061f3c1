/* Lock: one gateway for each data directory, and how others find the one that runs. */
#ifndef GATEWAY_LOCK_H
#define GATEWAY_LOCK_H

#include <stdbool.h>
#include <sys/types.h>

#include "services/gateway/config.h"

/*
 * Take the lock of the data directory (DATA/gateway.pid, which also says our pid) for as long as *fd is open. A file
 * left by a gateway that was killed is no hindrance.
 *
 * errors  ERR_EXISTS "a gateway is already running here (pid N)"; ERR_SYSTEM
 */
enum err lock_take(const struct config *config, int *fd, struct why *why) must_check;

/* The pid of the running gateway; 0 when none runs. */
enum err lock_holder(const struct config *config, pid_t *pid, struct why *why) must_check;

/*
 * Send the gateway a signal; 0 only looks. Never to a process that took its number meanwhile.
 *
 * pidfd   gets a descriptor of its process, the caller's, or -1 when none runs; may be NULL, and then none running is
 *         ERR_UNAVAILABLE
 */
enum err lock_signal(const struct config *config, int number, int *pidfd, struct why *why) must_check;

#endif
