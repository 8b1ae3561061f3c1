/* What the kernel tells of refused packets, on any bytes: each that is read takes something off, and has an address. */
#include <assert.h>
#include <stdint.h>

#include "sandbox/policyd/refusal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span rest = span_of_bytes(data, size);
	struct refusal refusal = {0};
	size_t before = size;
	struct why why;

	while (refusal_next(&rest, &refusal, &why) == OK) {
		assert(rest.length < before && (refusal.address_bytes == 4 || refusal.address_bytes == 16));
		before = rest.length;
	}
	return 0;
}
