/* Doors: byte streams to a sandbox's SSH server or to a port of the agent's. One way in, one way out, each ended by itself. */
#include "services/relay/door.h"

#include "services/relay/passage.h"

static void
fill_unwanted(struct msg *m, uint64_t stream)
{
	*m = (struct msg){.id = DOOR_CLOSED, .door_closed = {.stream = stream}};
}

static void
fill_lost(struct msg *m, uint64_t stream, const char *words)
{
	*m = (struct msg){.id = DOOR_CLOSED, .door_closed = {stream, span_of_text(words)}};
}

/* clang-format off */
static const struct passage_kind door_kind = {
	.place = PASSAGE_DOOR,
	.name = "door",
	.plural = "doors",
	.started = DOOR_OPENED,
	.inward = 1 << 0,
	.outward = 1 << 1,
	.ends_with_channels = true,
	.all_max = DOORS_MAX,
	.sandbox_max = DOORS_SANDBOX_MAX,
	.starting_all_max = DOORS_OPENING_MAX,
	.starting_sandbox_max = DOORS_OPENING_SANDBOX_MAX,
	.fill_stop = fill_unwanted,
	.fill_lost = fill_lost,
};
/* clang-format on */

/*
 * Open a stream into a sandbox.
 *
 * in      door_open, from api, which chose the stream's number
 * out     door_opened, as the link answers
 * errors  as passage_start; ERR_TIMEOUT the sandbox did not answer; the sandbox's
 */
enum err
door_open(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	struct msg open = {.id = DOOR_OPEN, .door_open = m->door_open};

	(void)answer;
	open.door_open.sandbox = (struct id){{0}}; /* the link knows whose it is */
	return passage_start(
	    self, &door_kind, m, m->door_open.sandbox, m->door_open.stream, &open, &open.door_open.stream, why);
}

/*
 * The stream is over: told to the other end, and forgotten.
 *
 * in      door_closed, from api, which may not have heard yet that it is open; or from a link
 * errors  ERR_PROTOCOL a link closes what it has not opened: its answer to door_open is the place to say so
 */
enum err
door_closed(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	struct passage *door = passage_find(self, &door_kind, m->from, m->door_closed.stream);
	struct why cancelled = {0};

	(void)answer;
	if (door == NULL)
		return OK;
	if (m->from->role == ROLE_LINK && door->start != 0)
		return passage_breach(door, m->from, "door_closed before door_opened", why);
	(void)fail(&cancelled, ERR_CANCELLED, "closed before it was open");
	if (passage_forward(door, m->from, m, &m->door_closed.stream)) {
		reply_fail(&door->reply, ERR_CANCELLED, &cancelled);
		passage_free(door);
	}
	return OK;
}
