/* Given: encoding a message to keep it, decoding it to use it. */
#include "sandbox/supervisor/given.h"

#include <stdlib.h>

void
given_free(struct given *given)
{
	free(given->bytes);
	*given = (struct given){0};
}

void
given_move(struct given *to, struct given *from)
{
	given_free(to);
	*to = *from;
	*from = (struct given){0};
}

enum err
given_keep(struct given *to, const struct msg *m, struct why *why)
{
	struct given given = {0};
	size_t room = 0;
	enum err r;

	if ((r = msg_encode(m, &given.bytes, &room, &given.length, why)) == OK)
		given_move(to, &given);
	return r;
}

/* It was written by given_keep. */
void
given_read(const struct given *given, struct arena *arena, struct msg *out)
{
	struct why why = {0};

	if (msg_decode(span_of_bytes(given->bytes, given->length), arena, out, &why) != OK)
		abort();
}
