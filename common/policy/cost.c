/* The cost of comparing patterns. */
#include "common/policy/cost.h"

#define ALTERNATIVES_MAX 1024 /* more cannot be read anyhow (braces.h) */

uint64_t
cost_weight(struct span pattern)
{
	uint64_t alternatives = 1, here = 1;
	size_t depth = 0;

	for (size_t i = 0; i < pattern.length; i++) {
		depth += pattern.at[i] == '{';
		here += depth > 0 && pattern.at[i] == ',';
		if (pattern.at[i] != '}' || depth == 0 || --depth > 0)
			continue;
		alternatives = alternatives * here < ALTERNATIVES_MAX ? alternatives * here : ALTERNATIVES_MAX;
		here = 1;
	}
	return (pattern.length + 1) * alternatives;
}

bool
cost_add(struct cost *cost, uint64_t a, uint64_t b)
{
	cost->spent += a * b;
	return cost->spent <= COST_MAX;
}
