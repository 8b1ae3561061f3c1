/* A client's frames cut anywhere: pieces stay within their bounds, the same bytes in one go give the same payload. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/wire/websocket.h"
#include "common/wire/websocket_handshake.h"
#include "common/wire/websocket_inflate.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Read all, at most step more bytes at a time; returns how many bytes were taken and adds up the payload. */
static size_t
run(char *bytes, size_t size, size_t step, uint32_t *sum, enum err *last)
{
	struct websocket_reader reader = {.deflate = true};
	struct websocket_piece piece;
	size_t from = 0, to = 0, used;
	struct why why;
	uint16_t code;
	enum err r = ERR_MORE;

	while (r == OK || (r == ERR_MORE && to < size)) {
		if (r == ERR_MORE)
			to = size - to < step ? size : to + step;
		r = websocket_read(&reader, bytes + from, to - from, &used, &piece, &code, &why);
		assert(used <= to - from && (r == OK) == (used > 0));
		for (size_t i = 0; r == OK && i < piece.bytes.length; i++)
			*sum = *sum * 31 + (uint8_t)piece.bytes.at[i];
		from += used;
	}
	*last = r;
	return from;
}

static void
handshake(struct span text)
{
	struct websocket_deflate agreed;
	struct why why;
	bool deflate;

	if (websocket_offer(text, &deflate, &why) == OK && websocket_agreed(text, true, &agreed, &why) == OK &&
	    agreed.on)
		assert(websocket_agreed(span_of_text(agreed.answer), true, &agreed, &why) == OK && agreed.on);
	websocket_protocol_offered(text, SPAN("chat"));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span whole = span_of_bytes(data, size), out;
	char *bytes = malloc(size + 1), *again = malloc(size + 1);
	uint32_t sum = 0, sum_again = 0;
	enum err last, last_again;
	struct why why;
	size_t n;

	memcpy(bytes, data, size);
	memcpy(again, data, size);
	n = run(bytes, size, size + 1, &sum, &last);
	if (last == ERR_MORE) {
		assert(run(again, size, 1 + (size > 0 ? data[0] % 7 : 0), &sum_again, &last_again) == n);
		assert(last_again == ERR_MORE && sum == sum_again);
	}
	free(bytes);
	free(again);
	handshake(whole);
	if (websocket_inflate(whole, 65536, &out, &why) == OK) {
		assert(out.length <= 65536);
		free((void *)(uintptr_t)out.at);
	}
	return 0;
}
