/* Progress of a rotation: what credentials tells rotate-key and the next start, in a file. */
#ifndef GATEWAY_PROGRESS_H
#define GATEWAY_PROGRESS_H

#include "common/base/span.h"
#include "services/gateway/config.h"

/* What credentials writes of a rotation (services/credentials/agree.c). */
struct rotation {
	uint8_t newest[8]; /* name of the storage key that records are sealed under from now on */
	uint64_t old;	   /* records under older ones */
	uint64_t quiet_ms; /* for how long there has been none */
	uint64_t claims;   /* running sandboxes that started with a master key before the one in force */
};

/* Read "newest=HEX old=N quiet_ms=N claims=N"; ERR_SYNTAX otherwise, and out untouched. */
enum err rotation_parse(struct span line, struct rotation *out, struct why *why) must_check;

/* What it says now, in DATA/keys/rotation. ERR_NOT_FOUND, ERR_SYSTEM, ERR_SYNTAX. */
enum err rotation_look(const struct config *config, struct rotation *out, struct why *why) must_check;

/* What an earlier credentials wrote must not count. */
enum err rotation_forget(const struct config *config, struct why *why) must_check;

#endif
