/* The readers of resolv.conf and hosts on any bytes: what comes out fits where it goes. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "sandbox/supervisor/hostfiles.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span text = span_of_bytes(data, size);
	auto_arena struct arena arena = {0};
	struct hostfiles out = {0};
	struct why why;

	if (resolvers_parse(text, &arena, &out, &why) == OK)
		assert(out.resolvers_n > 0 && out.resolvers_n <= RESOLVERS_MAX);
	if (hosts_parse(text, &arena, &out, &why) != OK)
		return 0;
	for (size_t i = 0; i < out.hosts_n; i++)
		assert(out.hosts[i].length <= 320 && memchr(out.hosts[i].at, ' ', out.hosts[i].length) != NULL);
	return 0;
}
