/* passage: how bytes go through it: to the owner as far as it takes them, from the owner as far as there is credit. */
#include <stdlib.h>

#include "services/api/passage_inside.h"

#define CHUNK_BYTES STREAM_CHUNK_BYTES /* at most in one: the owner is offered no more at a time than a message has */

/* Bytes that the owner has no room for yet. */
struct chunk {
	struct list link;
	uint8_t channel;
	size_t length, room;
	char bytes[];
};

static void
chunk_free(struct chunk *chunk)
{
	list_remove(&chunk->link);
	free(chunk);
}

void
passage_drop(struct passage *passage)
{
	struct chunk *chunk;

	list_each(chunk, &passage->kept, struct chunk, link)
		chunk_free(chunk);
}

/* The last one, if so many bytes more of that channel may join it: whoever writes byte by byte must not cost us a chunk for each. */
static struct chunk *
last_for(struct passage *passage, uint8_t channel, size_t length)
{
	struct chunk *last = list_item(passage->kept.prev, struct chunk, link);

	return list_empty(&passage->kept) || last->channel != channel || length > CHUNK_BYTES - last->length ? NULL
													     : last;
}

/* With room for so many; old is taken along. */
static struct chunk *
chunk_room(struct chunk *old, size_t length)
{
	size_t room = old == NULL ? length : 2 * length < CHUNK_BYTES ? 2 * length : CHUNK_BYTES;
	struct chunk *chunk = realloc(old, sizeof(*chunk) + room);

	if (chunk == NULL)
		abort();
	chunk->room = room;
	return chunk;
}

static void
keep(struct passage *passage, uint8_t channel, struct span bytes)
{
	struct chunk *chunk = last_for(passage, channel, bytes.length);
	size_t before = chunk == NULL ? 0 : chunk->length;

	if (chunk != NULL)
		list_remove(&chunk->link);
	if (chunk == NULL || chunk->room - before < bytes.length)
		chunk = chunk_room(chunk, before + bytes.length);
	memcpy(chunk->bytes + before, bytes.at, bytes.length);
	chunk->channel = channel;
	chunk->length = before + bytes.length;
	list_append(&passage->kept, &chunk->link);
}

/* ---- to the owner ---- */

/* The owner has the bytes (or nobody wants them): as many more may come. */
static void
used(struct passage *passage, uint8_t channel, size_t length)
{
	struct stream_in *in = &passage->from[channel - 1];
	struct why why;

	if (passage->dead)
		return;
	if (passage_used(passage, in, length, &why) != OK)
		log_debug("passage.ungranted", "why=\"%s\"", why.text); /* the relay is gone: its end ends all */
}

static bool
offer(struct passage *passage, uint8_t channel, struct span bytes)
{
	if (passage->owner != NULL && !passage->owner->data(passage->self, channel, bytes))
		return false;
	used(passage, channel, bytes.length);
	return true;
}

static void
tell_ends(struct passage *passage)
{
	for (uint8_t i = 0; i < 2; i++) {
		if (!passage->from[i].ended || passage->told[i])
			continue;
		passage->told[i] = true;
		if (passage->owner != NULL && passage->owner->ended != NULL)
			passage->owner->ended(passage->self, (uint8_t)(i + 1));
	}
}

void
passage_pump(struct passage *passage)
{
	while (!list_empty(&passage->kept)) {
		struct chunk *chunk = list_item(passage->kept.next, struct chunk, link);

		if (!offer(passage, chunk->channel, span_of_bytes(chunk->bytes, chunk->length)))
			return;
		chunk_free(chunk);
	}
	tell_ends(passage);
	if (passage_over_inside(passage) && !passage->dead)
		passage_over(passage, OK, passage->exit_code, NULL);
}

void
passage_read(struct passage *passage)
{
	passage_enter(passage);
	passage_pump(passage);
	passage_settle(passage);
}

void
passage_bring(struct passage *passage, uint8_t channel, struct span bytes)
{
	if (!list_empty(&passage->kept) || !offer(passage, channel, bytes))
		keep(passage, channel, bytes);
}

/* ---- from the owner ---- */

static void
give_up(void *self)
{
	struct passage *passage = self;

	passage_enter(passage);
	passage_stop(passage);
	passage_over(passage, ERR_INTERNAL, 0, &passage->why);
	passage_settle(passage);
}

/* Sending failed. A relay that is away ends all by itself; else this stream cannot go on, which the owner hears later.
 */
static void
unsent(struct passage *passage, enum err r, const struct why *why)
{
	if (r == ERR_UNAVAILABLE)
		return;
	passage->why = *why;
	loop_timer_set(passage->api->loop, &passage->again, 0, give_up, passage);
}

size_t
passage_room(const struct passage *passage, uint8_t channel)
{
	return passage->running && !passage->exited ? stream_room(channel == 0 ? &passage->to[0] : &passage->to[1]) : 0;
}

size_t
passage_write(struct passage *passage, uint8_t channel, struct span bytes)
{
	struct stream_out *out = passage_to(passage, channel);
	size_t taken = 0, room;
	struct why why;
	enum err r = OK;

	while (r == OK && taken < bytes.length && (room = passage_room(passage, channel)) > 0) {
		struct span piece = span_head(span_tail(bytes, taken), room);

		if ((r = stream_send(out, piece.at, piece.length, &why)) != OK)
			unsent(passage, r, &why);
		else
			taken += piece.length;
	}
	return taken;
}

static void
both_ended(void *self)
{
	passage_read(self);
}

/* Both ways of a door may now have ended, which the owner hears from the loop. */
void
passage_end(struct passage *passage, uint8_t channel)
{
	struct stream_out *out = passage_to(passage, channel);
	struct why why;
	enum err r;

	if (!passage->running || passage->exited || out->ended)
		return;
	if ((r = stream_finish(out, &why)) != OK)
		unsent(passage, r, &why);
	else if (passage_is_door(passage) && passage->from[0].ended)
		loop_timer_set(passage->api->loop, &passage->again, 0, both_ended, passage);
}
