/* Reach: where a secret may go, its bindings compiled at their first use. */
#ifndef ROUTER_REACH_H
#define ROUTER_REACH_H

#include "common/bus/message.h"
#include "common/policy/matcher.h"

/* All zero: not compiled yet. */
struct reach {
	bool compiled, broken;
	uint64_t any_path; /* bit: that binding covers every path */
	struct arena memory;
	struct matcher hosts, paths; /* a group is a binding */
};

/*
 * Does one of the bindings cover this host, port and path (policy-and-proxy 9.3, paths as route selection in 4.3)?
 *
 * host  lower case
 * path  canonical, slots shown as [CREDENTIAL], without query
 */
bool reach_covers(struct reach *reach, const struct msg_binding *bindings, size_t n, struct span host, uint16_t port,
    struct span path);

void reach_done(struct reach *reach);

#endif
