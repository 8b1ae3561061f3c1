/* Fuzzes globs: a line each of two patterns and a text; what is compiled must run, and overlap where both match. */
#include <assert.h>
#include <stdint.h>

#include "common/policy/matcher.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span rest = span_of_bytes(data, size), a = span_cut(&rest, '\n'), b = span_cut(&rest, '\n');

	if (a.length > 200 || b.length > 200) /* two long ones are compared for a second */
		return 0;
	for (int use = MATCHER_BINARY; use <= MATCHER_EXACT; use++) {
		auto_arena struct arena keep = {.max_bytes = 64u << 20};
		struct matcher_pattern patterns[] = {{a, 0, (enum matcher_use)use}, {b, 1, (enum matcher_use)use}};
		struct matcher matcher;
		struct why why;
		uint64_t bits = 0;

		if (matcher_new(patterns, 2, 2, &keep, &matcher, &why) != OK)
			continue;
		matcher_run(&matcher, rest, &bits);
		assert(bits <= 3);
		if (bits == 3 && (use == MATCHER_PATH || use == MATCHER_ROUTE))
			assert(glob_overlap(a, b, use == MATCHER_PATH ? GLOB_PATH : GLOB_ROUTE));
	}
	return 0;
}
