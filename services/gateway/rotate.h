/* Rotation: a new storage key and a new master key for the stored secrets of a running gateway. */
#ifndef GATEWAY_ROTATE_H
#define GATEWAY_ROTATE_H

#include "services/gateway/config.h"

/*
 * Add a storage key, replace the master key where it is ours or master_key_next_file is given, have all records sealed under it, then drop the older keys. Interrupted at any point nothing is lost:
 * every key that a record needs is in the ring until no record needs it, and the next run goes on where this one stopped.
 *
 * errors  ERR_STATE no gateway runs; ERR_DENIED it is another user's; ERR_BUSY another rotation runs; ERR_UNAVAILABLE the gateway ended meanwhile
 */
enum err rotate_run(const struct config *config, struct why *why) must_check;

#endif
