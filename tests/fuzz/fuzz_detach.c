/* Fuzzes the detach keys: cut anywhere, the same bytes are passed on and the client leaves at the same place. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "sandbox/sshd/detach.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t
pass(struct detach *detach, struct span bytes, char *out, bool *left)
{
	struct typed typed = detach_look(detach, bytes);

	if (typed.late_p)
		*out++ = '\020';
	memcpy(out, typed.bytes.at, typed.bytes.length);
	*left = typed.detached;
	return typed.late_p + typed.bytes.length;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span all = span_of_bytes(data + 1, size > 0 ? size - 1 : 0);
	size_t cut = size > 0 ? data[0] : 0, n, m;
	struct detach whole = {0}, cuts = {0};
	char *a, *b;
	bool left, left_first = false, left_then = false;

	if (all.length == 0)
		return 0;
	a = malloc(all.length + 2);
	b = malloc(all.length + 2);
	n = pass(&whole, all, a, &left);
	m = pass(&cuts, span_head(all, cut), b, &left_first);
	if (!left_first && cut < all.length)
		m += pass(&cuts, span_tail(all, cut), b + m, &left_then);
	assert(n == m && memcmp(a, b, n) == 0 && left == (left_first || left_then));
	free(a);
	free(b);
	return 0;
}
