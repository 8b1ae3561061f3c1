/* Fuzzes the bus codec: what is read must be written again as the same bytes. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clean.h"
#include "common/bus/codec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
there_and_back(const uint8_t *data, size_t size, uint32_t release)
{
	auto_arena struct arena arena = {.max_bytes = 8u << 20};
	auto_free char *again = NULL;
	struct envelope envelope;
	size_t room = 0, length;
	struct why why;

	if (envelope_decode(span_of_bytes(data, size), release, &arena, &envelope, &why) != OK)
		return;
	if (envelope.kind == ENVELOPE_ERROR)
		return; /* a name we do not know reads as ERR_INTERNAL */
	envelope.release = release;
	if (envelope_encode(&envelope, &again, &room, &length, &why) != OK || length != size ||
	    memcmp(again, data, size) != 0)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	there_and_back(data, size, BUS_RELEASE);
	there_and_back(data, size, BUS_RELEASE - 1);
	return 0;
}
