/* Backends of inference.local, as the supervisor tells them: replaced as a whole, kept while a call holds them. */
#include <stdlib.h>

#include "common/bus/codec.h"
#include "sandbox/proxy/inference.h"
#include "sandbox/proxy/inference_inside.h"
#include "sandbox/proxy/proxy.h"

#define BACKENDS_BYTES (256u << 10)

void
backends_free(struct backends *backends)
{
	if (backends == NULL || --backends->references > 0)
		return;
	arena_reset(&backends->arena);
	free(backends->bytes);
	free(backends);
}

/* A message of its own, encoded and read again: that is the deepest copy there is. */
static enum err
keep(struct backends *backends, const struct msg *m, struct why *why)
{
	struct msg copy;
	size_t room = 0, length;
	enum err r;

	if ((r = msg_encode(m, &backends->bytes, &room, &length, why)) != OK ||
	    (r = msg_decode(span_of_bytes(backends->bytes, length), &backends->arena, &copy, why)) != OK)
		return r;
	backends->list = copy.inference_set.backends;
	backends->n = copy.inference_set.backends_n;
	if ((backends->where = arena_array(&backends->arena, backends->n + 1, sizeof(*backends->where))) == NULL)
		return fail(why, ERR_LIMIT, "the backends are too large");
	backends->revision = copy.inference_set.revision;
	return OK;
}

enum err
inference_set(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	struct proxy *proxy = self;
	struct backends *backends = calloc(1, sizeof(*backends));
	enum err r;

	if (backends == NULL)
		abort();
	backends->references = 1;
	backends->arena.max_bytes = BACKENDS_BYTES;
	if ((r = keep(backends, m, why)) != OK) {
		backends_free(backends);
		return r;
	}
	backends_free(proxy->backends);
	proxy->backends = backends;
	answer->id = DONE;
	return OK;
}
