/* What comparing patterns with each other may cost: a policy of some kilobytes could keep the gateway busy for minutes.
 */
#ifndef COMMON_POLICY_COST_H
#define COMMON_POLICY_COST_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/span.h"

#define COST_MAX 1000000000u /* about a third of a second (2026) */

/* What has been spent; all zero to begin with. */
struct cost {
	uint64_t spent;
};

/* The weight of a pattern: its bytes, times the alternatives that its braces stand for. */
uint64_t cost_weight(struct span pattern);

/* Add comparing two of these weights; false: it is more than COST_MAX in all. */
bool cost_add(struct cost *cost, uint64_t a, uint64_t b);

#endif
