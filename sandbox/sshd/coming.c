/* Output that comes from link: one buffer, as long as there is something in it. */
#include "sandbox/sshd/coming.h"

#include <stdlib.h>

void
coming_done(struct coming *coming)
{
	free(coming->bytes);
	coming->bytes = NULL;
	coming->at = coming->n = 0;
}

enum err
coming_take(struct coming *coming, const struct msg_stream_data *m, struct why *why)
{
	enum err r = stream_take(&coming->in, m, why);

	if (r != OK)
		return r;
	if (coming->at > 0)
		memmove(coming->bytes, coming->bytes + coming->at, coming->n);
	coming->at = 0;
	if ((coming->bytes = realloc(coming->bytes, coming->n + m->bytes.length)) == NULL)
		abort();
	memcpy(coming->bytes + coming->n, m->bytes.at, m->bytes.length);
	coming->n += m->bytes.length;
	return OK;
}

enum err
coming_pour(struct coming *coming, struct lane *lane, enum lane_output output, struct why *why)
{
	size_t n;

	while (coming->n > 0 && (n = lane_room(lane)) > 0) {
		enum err r;

		n = n < coming->n ? n : coming->n;
		lane_write(lane, output, span_of_bytes(coming->bytes + coming->at, n));
		coming->at += n;
		coming->n -= n;
		if ((r = stream_used(&coming->in, n, why)) != OK)
			return r;
	}
	if (coming->n == 0)
		coming_done(coming);
	return OK;
}
