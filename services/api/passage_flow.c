/* passage: how bytes go through it: to the owner as far as it takes them, from the owner as far as there is credit. */
#include <stdlib.h>

#include "services/api/passage_inside.h"

/* Bytes that the owner has no room for yet. */
struct chunk {
	struct list link;
	uint8_t channel;
	size_t length;
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

	list_each (chunk, &passage->kept, struct chunk, link)
		chunk_free(chunk);
}

static void
keep(struct passage *passage, uint8_t channel, struct span bytes)
{
	struct chunk *chunk = malloc(sizeof(*chunk) + bytes.length);

	if (chunk == NULL)
		abort();
	*chunk = (struct chunk){.channel = channel, .length = bytes.length};
	memcpy(chunk->bytes, bytes.at, bytes.length);
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
	in->window_bytes = (uint32_t)passage_window(passage->api);
	if (stream_used(in, length, &why) != OK)
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

/* ---- from the owner ---- */

/* Its place in to[]. */
static size_t
out_of(uint8_t channel)
{
	return channel == 0 ? 0 : 1;
}

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
	return passage->running && !passage->exited ? stream_room(&passage->to[out_of(channel)]) : 0;
}

size_t
passage_write(struct passage *passage, uint8_t channel, struct span bytes)
{
	struct stream_out *out = &passage->to[out_of(channel)];
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
	struct stream_out *out = &passage->to[out_of(channel)];
	struct why why;
	enum err r;

	if (!passage->running || passage->exited || out->ended)
		return;
	if ((r = stream_finish(out, &why)) != OK)
		unsent(passage, r, &why);
	else if (passage_is_door(passage) && passage->from[0].ended)
		loop_timer_set(passage->api->loop, &passage->again, 0, both_ended, passage);
}

/* ---- from the relay ---- */

/* The passage a message is about; NULL when it is over: races at the end are no breach. */
static struct passage *
find(struct api *api, const struct msg *m, uint64_t stream)
{
	struct numbered *numbered = numbered_find(api->passages, stream);
	struct passage *passage = numbered == NULL ? NULL : list_item(numbered, struct passage, numbered);

	return passage == NULL || passage->relay != m->from || !passage->running || passage->dead ? NULL : passage;
}

static struct stream_in *
channel_in(struct passage *passage, uint8_t channel)
{
	return channel == 1 || (channel == 2 && !passage_is_door(passage)) ? &passage->from[channel - 1] : NULL;
}

static enum err
data_take(struct passage *passage, const struct msg_stream_data *in, struct why *why)
{
	struct stream_in *channel = channel_in(passage, in->channel);
	enum err r;

	if (channel == NULL)
		return passage_breach(passage, fail(why, ERR_PROTOCOL, "data on channel %u", in->channel), why);
	if ((r = stream_take(channel, in, why)) != OK)
		return passage_breach(passage, r, why);
	if (!list_empty(&passage->kept) || !offer(passage, in->channel, in->bytes))
		keep(passage, in->channel, in->bytes);
	return OK;
}

/* Bytes from inside. In: stream_data, from the relay. Errors: ERR_PROTOCOL against the credit or the offsets. */
enum err
passage_data(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	struct passage *passage = find(self, m, m->stream_data.stream);
	enum err r;

	(void)answer;
	if (passage == NULL)
		return OK;
	passage_enter(passage);
	r = data_take(passage, &m->stream_data, why);
	passage_settle(passage);
	return r;
}

static enum err
grant_take(struct passage *passage, const struct msg_stream_grant *in, struct why *why)
{
	enum err r;

	if (in->channel != 0 && (in->channel != 3 || passage_is_door(passage)))
		return passage_breach(passage, fail(why, ERR_PROTOCOL, "credit for channel %u", in->channel), why);
	if ((r = stream_granted(&passage->to[out_of(in->channel)], in, why)) != OK)
		return passage_breach(passage, r, why);
	if (passage->owner != NULL && passage->owner->room != NULL)
		passage->owner->room(passage->self, in->channel);
	return OK;
}

/* Credit for what the owner writes. In: stream_grant, from the relay. */
enum err
passage_grant(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	struct passage *passage = find(self, m, m->stream_grant.stream);
	enum err r;

	(void)answer;
	if (passage == NULL)
		return OK;
	passage_enter(passage);
	r = grant_take(passage, &m->stream_grant, why);
	passage_settle(passage);
	return r;
}

static enum err
end_take(struct passage *passage, const struct msg_stream_end *in, struct why *why)
{
	struct stream_in *channel = channel_in(passage, in->channel);
	enum err r;

	if (channel == NULL)
		return passage_breach(passage, fail(why, ERR_PROTOCOL, "end of channel %u", in->channel), why);
	if ((r = stream_ended(channel, in, why)) != OK)
		return passage_breach(passage, r, why);
	passage_pump(passage);
	return OK;
}

/* The end of a channel. In: stream_end, from the relay. */
enum err
passage_ended(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	struct passage *passage = find(self, m, m->stream_end.stream);
	enum err r;

	(void)answer;
	if (passage == NULL)
		return OK;
	passage_enter(passage);
	r = end_take(passage, &m->stream_end, why);
	passage_settle(passage);
	return r;
}

static void
lost(struct passage *passage, const char *what, struct span message, struct why *why)
{
	(void)fail(why, ERR_UNAVAILABLE, "%s was lost: " SPAN_FORMAT, what,
	    SPAN_ARGS(message.length > 0 ? message : SPAN("its sandbox went away")));
	passage_over(passage, ERR_UNAVAILABLE, 0, why);
}

/* The command ended. In: exec_exited, from the relay; code 256: it is lost. */
enum err
passage_exited(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	const struct msg_exec_exited *in = &m->exec_exited;
	struct passage *passage = find(self, m, in->stream);

	(void)answer;
	if (passage == NULL || passage_is_door(passage))
		return OK;
	passage_enter(passage);
	passage->exited = true;
	passage->exit_code = in->exit_code;
	if (in->exit_code == 256)
		lost(passage, "the command", in->message, why);
	else
		passage_pump(passage);
	passage_settle(passage);
	return OK;
}

/* A door closed before both its ways had ended. In: door_closed, from the relay. */
enum err
passage_closed(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	struct passage *passage = find(self, m, m->door_closed.stream);

	(void)answer;
	if (passage == NULL || !passage_is_door(passage))
		return OK;
	passage_enter(passage);
	lost(passage, "the connection", m->door_closed.message, why);
	passage_settle(passage);
	return OK;
}
