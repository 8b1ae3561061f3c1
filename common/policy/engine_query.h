/* Query strings: read, and what their values match of what rules ask for (policy-and-proxy 4.4, S2, S17). */
#ifndef COMMON_POLICY_ENGINE_QUERY_H
#define COMMON_POLICY_ENGINE_QUERY_H

#include "common/policy/engine_parts.h"

/* About one configured key: bits of the groups of its patterns. NULL: the key is not in the query. */
struct engine_values {
	uint64_t *all; /* every value matches */
	uint64_t *any; /* some value matches; here ';' parts parameters as well */
};

/*
 * Read a query.
 *
 * out     one for each of engine.keys, in the arena
 * errors  ERR_SYNTAX a bad escape, or no UTF-8; ERR_LIMIT the arena
 */
enum err engine_query_read(
    const struct engine *engine, struct span query, struct arena *arena, struct engine_values **out) must_check;

#endif
