/* An address of this machine that a forward listens on: read, tried, opened. */
#ifndef CLIENTS_CLI_LISTENER_H
#define CLIENTS_CLI_LISTENER_H

#include <stdint.h>

#include "common/base/err.h"
#include "common/base/span.h"

#define LISTENER_HOST_BYTES 64

struct listener_address {
	char host[LISTENER_HOST_BYTES]; /* an IP address, without brackets; 127.0.0.1 where none is said */
	uint16_t port;
};

/*
 * Read [ADDRESS:]PORT; ADDRESS is IPv4, [IPv6], localhost or * (every address).
 *
 * low     the lowest port that may be meant: 1, or 0 where 0 means any that is free
 * errors  ERR_SYNTAX
 */
enum err listener_parse(struct span text, uint16_t low, struct listener_address *out, struct why *why) must_check;

/* The same as checks of flags: with ports from 1, and from 0. */
enum err check_listener(struct span text, struct why *why);
enum err check_listener_any(struct span text, struct why *why);

/*
 * Listen there.
 *
 * address  its port, where that is 0, becomes the one that was given
 * out      the caller's, not blocking
 * errors   ERR_BUSY somebody else listens there; ERR_DENIED a port that only root may have; ERR_SYSTEM
 */
enum err listener_open(struct listener_address *address, int *out, struct why *why) must_check;

/* Is it free? As listener_open. */
enum err listener_try(const struct listener_address *address, struct why *why) must_check;

#endif
