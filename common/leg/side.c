/* Sides: reading as much as there is room for, writing all that waits at once. */
#include "common/leg/side.h"

#include <sys/epoll.h>

#define RECORD_BYTES 16384 /* as much as one record of TLS holds: there may be more behind it */

void
side_touch(struct side *side)
{
	if (side->dirty.next == NULL)
		list_append(&side->all->dirty, &side->dirty);
}

/* Read what is there; each call gives a record at most. */
static void
side_read(struct side *side)
{
	struct why why;
	size_t got = RECORD_BYTES;
	enum err r = OK;

	while (r == OK && got >= RECORD_BYTES && bytes_length(&side->in) < SIDE_IN_BYTES) {
		size_t room = SIDE_IN_BYTES - bytes_length(&side->in);
		char *to = bytes_room(&side->in, room);

		got = 0;
		if ((r = leg_read(side->leg, to, room, &got, &why)) == OK && got == 0)
			side->ended = true;
		side->in.end += got;
	}
	side->broken |= r != OK && r != ERR_MORE;
}

static void
side_ready(void *self, uint32_t events)
{
	struct side *side = self;
	struct sides *all = side->all;

	if ((events & EPOLLIN) != 0 && !side->ended && !side->broken)
		side_read(side);
	else if ((events & EPOLLHUP) != 0 && (events & EPOLLOUT) == 0)
		side->broken = true;
	side_touch(side);
	side->turn(side->self);
	all->settle(all->self);
}

void
side_open(struct side *side, struct sides *all, struct leg *leg, void (*turn)(void *self), void *self)
{
	*side = (struct side){.all = all, .leg = leg, .turn = turn, .self = self};
	side_touch(side);
}

struct leg *
side_give(struct side *side)
{
	struct leg *leg = side->leg;

	list_remove(&side->dirty);
	side->leg = NULL;
	side->broken = true;
	bytes_free(&side->out);
	return leg;
}

void
side_close(struct side *side)
{
	if (side->all == NULL)
		return;
	leg_close(side_give(side));
	bytes_free(&side->in);
}

void
side_write(struct side *side, struct span bytes)
{
	if (side->broken)
		return;
	bytes_add(&side->out, bytes);
	side_touch(side);
}

static void
side_write_out(struct side *side)
{
	struct why why;
	enum err r = OK;

	while (r == OK && side->leg != NULL && bytes_length(&side->out) > 0 && !side->broken) {
		struct span waiting = bytes_span(&side->out);
		size_t put = 0;

		if ((r = leg_write(side->leg, waiting.at, waiting.length, &put, &why)) == OK)
			bytes_take(&side->out, put);
		else if (r != ERR_MORE)
			side->broken = true;
	}
}

/* Write all that is due and goes. */
static void
side_flush(struct side *side)
{
	do {
		if (side->fill != NULL && !side->broken)
			side->fill(side);
		if (bytes_length(&side->out) == 0)
			break;
		side_write_out(side);
	} while (bytes_length(&side->out) == 0 && side->fill != NULL && !side->broken);
	if (side->broken)
		bytes_free(&side->out);
	if (side->finish && !side->finished && !side->broken && bytes_length(&side->out) == 0) {
		side->finished = true;
		if (side->leg != NULL)
			leg_finish(side->leg);
	}
}

/* Give back the memory of what is empty; watch for what is wanted. */
static void
side_rest(struct side *side)
{
	uint32_t wanted = 0;

	if (bytes_length(&side->in) == 0)
		bytes_free(&side->in);
	if (bytes_length(&side->out) == 0)
		bytes_free(&side->out);
	if (!side->ended && !side->broken && bytes_length(&side->in) < SIDE_IN_BYTES)
		wanted |= EPOLLIN;
	if (bytes_length(&side->out) > 0)
		wanted |= EPOLLOUT;
	if (side->broken)
		wanted = 0;
	if (side->leg != NULL && side->watched != (wanted | EPOLLHUP)) {
		side->watched = wanted | EPOLLHUP;
		leg_watch(side->leg, wanted, side_ready, side);
	}
}

void
sides_flush(struct sides *sides)
{
	while (!list_empty(&sides->dirty)) {
		struct side *side = list_item(sides->dirty.next, struct side, dirty);
		bool was_broken = side->broken;

		side_flush(side);
		list_remove(&side->dirty);
		if ((side->full && bytes_length(&side->out) < SIDE_OUT_BYTES / 2) || side->broken != was_broken) {
			side->full = false;
			side_touch(side);
			side->turn(side->self);
			continue;
		}
		side_rest(side);
	}
}
