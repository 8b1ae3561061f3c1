/* Rotation: a new storage key for the stored secrets of a running gateway. */
#ifndef GATEWAY_ROTATE_H
#define GATEWAY_ROTATE_H

#include "common/base/span.h"
#include "services/gateway/config.h"

/* What credentials writes of a rotation (services/credentials/agree.c). */
struct rotation {
	uint8_t newest[8]; /* name of the storage key that records are sealed under from now on */
	uint64_t old;	   /* records under older ones */
	uint64_t quiet_ms; /* for how long there has been none */
};

/* Read "newest=HEX old=N quiet_ms=N"; ERR_SYNTAX otherwise, and out untouched. */
enum err rotation_parse(struct span line, struct rotation *out, struct why *why) must_check;

/*
 * Add a storage key, have all records sealed under it, then drop the older keys. Interrupted at any point nothing is lost:
 * every key that a record needs is in the ring until no record needs it, and the next run goes on where this one stopped.
 *
 * errors  ERR_STATE no gateway runs; ERR_DENIED it is another user's; ERR_BUSY another rotation runs; ERR_UNAVAILABLE the gateway ended meanwhile
 */
enum err rotate_run(const struct config *config, struct why *why) must_check;

#endif
