/* passage: what the relay says of it: bytes, credit, ends. */
#include "services/api/passage_inside.h"

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
	passage_bring(passage, in->channel, in->bytes);
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
	if ((r = stream_granted(passage_to(passage, in->channel), in, why)) != OK)
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
