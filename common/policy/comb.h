/* Combs: the rows of an automaton's table laid into each other, so that a row takes no more room than it has exceptions. */
#ifndef COMMON_POLICY_COMB_H
#define COMMON_POLICY_COMB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct comb_cell {
	uint32_t owner, to; /* owner 0: free */
};

struct comb {
	struct comb_cell *cells;
	size_t max; /* cells there is room for: zeroed */
	uint32_t n; /* up to the last in use */
};

/*
 * Lay a row in: what is not in cell base + class of the owner is rest.
 *
 * owner    not 0, never put before
 * still    every class leads back to the owner
 * returns  false: no room
 */
bool comb_put(struct comb *comb, uint32_t owner, const uint32_t *row, uint32_t classes, uint32_t *base, uint32_t *rest,
    bool *still);

#endif
