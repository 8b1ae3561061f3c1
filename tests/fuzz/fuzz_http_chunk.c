/* The chunked coding on any bytes: read whole or byte by byte it is the same body, or refused. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>

#include "common/wire/http_chunk.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Where reading stops and why; step: how many bytes come at once. */
static enum err
read_all(struct span bytes, size_t step, size_t *at, size_t *body)
{
	struct http_chunk chunk = {0};
	size_t here = step < bytes.length ? step : bytes.length;
	struct why why;
	enum err r = OK;

	for (*at = *body = 0; chunk.state != HTTP_CHUNK_END;) {
		struct span data, front = span_tail(span_head(bytes, here), *at);
		size_t used;

		r = http_chunk_next(&chunk, front, SIZE_MAX, &used, &data, NULL, &why);
		if (r == ERR_MORE && here < bytes.length) {
			here += step < bytes.length - here ? step : bytes.length - here;
			continue;
		}
		if (r != OK)
			return r;
		assert(used <= front.length && data.length <= used);
		*at += used;
		*body += data.length;
	}
	return OK;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t at, body, at_slow, body_slow;
	enum err r = read_all(span_of_bytes(data, size), size, &at, &body);
	enum err slow = read_all(span_of_bytes(data, size), 1, &at_slow, &body_slow);

	/* Of two faults the slow reader may meet the other one first: refused is refused. */
	assert((r == OK) == (slow == OK) && (r == ERR_MORE) == (slow == ERR_MORE));
	assert(r != OK || (at == at_slow && body == body_slow));
	return 0;
}
