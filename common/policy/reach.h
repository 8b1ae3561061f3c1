/* Reach: where something may go, as places of host, port and path; and which of them names a destination most exactly. */
#ifndef COMMON_POLICY_REACH_H
#define COMMON_POLICY_REACH_H

#include "common/policy/matcher.h"

#define REACH_MAX 512 /* places */

/* Patterns as in a policy's endpoint. */
struct reach_place {
	struct span host;
	uint16_t port;	  /* 0: any */
	struct span path; /* empty, ** or slash **: all */
};

/* All zero: it goes nowhere. */
struct reach {
	size_t n;
	uint16_t *ports;
	uint64_t *scores;
	uint64_t any_path[REACH_MAX / 64]; /* bit: that place is every path */
	struct arena memory;
	struct matcher hosts, paths; /* a group is a place */
};

/*
 * Compile.
 *
 * places  copied
 * out     all zero before; to be given to reach_done whatever is returned
 * errors  ERR_LIMIT over REACH_MAX places, or too much of it; ERR_INVALID a pattern that cannot be read
 */
enum err reach_make(struct reach *out, const struct reach_place *places, size_t n, struct why *why) must_check;
void reach_done(struct reach *reach);

/*
 * Does one of the places cover this host, port and path (policy-and-proxy 9.3, paths as route selection in 4.3)?
 *
 * host   lower case
 * path   canonical, placeholders shown as [CREDENTIAL], without query
 * which  NULL, or which of the places names it most exactly; of equal ones the first
 */
bool reach_covers(const struct reach *reach, struct span host, uint16_t port, struct span path, size_t *which);

/* How exactly a host and path name a destination: more is more exact (providers 4.4). */
uint64_t reach_score(struct span host, struct span path);

/* The score of one of the places. */
static inline uint64_t
reach_score_of(const struct reach *reach, size_t which)
{
	return reach->scores[which];
}

#endif
