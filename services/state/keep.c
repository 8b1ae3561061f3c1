/* Copies of messages: by way of their encoded form, which has no pointers. */
#include "services/state/keep.h"

#include <stdlib.h>

enum err
kept_take(struct kept *kept, const struct msg *m, struct why *why)
{
	size_t length;
	enum err r;

	*kept = (struct kept){.arena.max_bytes = 16u << 20};
	if ((r = msg_encode(m, &kept->bytes, &kept->room, &length, why)) == OK)
		r = msg_decode(span_of_bytes(kept->bytes, length), &kept->arena, &kept->m, why);
	if (r != OK)
		kept_free(kept);
	return r;
}

void
kept_free(struct kept *kept)
{
	arena_reset(&kept->arena);
	if (kept->bytes != NULL)
		explicit_bzero(kept->bytes, kept->room);
	free(kept->bytes);
	*kept = (struct kept){0};
}
