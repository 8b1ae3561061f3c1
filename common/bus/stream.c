/* Streams: the arithmetic of credit. */
#include "common/bus/stream.h"

#include <assert.h>

void
stream_out_init(struct stream_out *out, struct peer *peer, uint64_t stream, uint8_t channel)
{
	*out = (struct stream_out){.peer = peer, .stream = stream, .channel = channel};
}

size_t
stream_room(const struct stream_out *out)
{
	uint64_t room = out->ended ? 0 : out->limit - out->sent;

	return room > STREAM_CHUNK_BYTES ? STREAM_CHUNK_BYTES : (size_t)room;
}

enum err
stream_send(struct stream_out *out, const void *bytes, size_t length, struct why *why)
{
	struct msg m = {.id = STREAM_DATA,
	    .stream_data = {.stream = out->stream,
		.channel = out->channel,
		.offset = out->sent,
		.bytes = span_of_bytes(bytes, length)}};
	enum err r;

	assert(length <= stream_room(out));
	if (length == 0)
		return OK;
	if ((r = peer_tell(out->peer, &m, why)) == OK)
		out->sent += length;
	return r;
}

enum err
stream_finish(struct stream_out *out, struct why *why)
{
	struct msg m = {
	    .id = STREAM_END, .stream_end = {.stream = out->stream, .channel = out->channel, .offset = out->sent}};

	if (out->ended)
		return OK;
	out->ended = true;
	return peer_tell(out->peer, &m, why);
}

enum err
stream_granted(struct stream_out *out, const struct msg_stream_grant *m, struct why *why)
{
	if (m->limit < out->limit)
		return fail(why, ERR_PROTOCOL, "credit of channel %u went back from %llu to %llu", out->channel,
		    (unsigned long long)out->limit, (unsigned long long)m->limit);
	out->limit = m->limit;
	return OK;
}

static enum err
grant(struct stream_in *in, struct why *why)
{
	struct msg m = {.id = STREAM_GRANT,
	    .stream_grant = {.stream = in->stream, .channel = in->channel, .limit = in->used + in->window_bytes}};

	in->granted = m.stream_grant.limit;
	return peer_tell(in->peer, &m, why);
}

enum err
stream_in_open(
    struct stream_in *in, struct peer *peer, uint64_t stream, uint8_t channel, uint32_t window_bytes, struct why *why)
{
	*in = (struct stream_in){.peer = peer, .stream = stream, .channel = channel, .window_bytes = window_bytes};
	return grant(in, why);
}

enum err
stream_take(struct stream_in *in, const struct msg_stream_data *m, struct why *why)
{
	if (in->ended)
		return fail(why, ERR_PROTOCOL, "bytes after the end of channel %u", in->channel);
	if (m->offset != in->got)
		return fail(why, ERR_PROTOCOL, "channel %u is at %llu, not at %llu", in->channel,
		    (unsigned long long)in->got, (unsigned long long)m->offset);
	if (m->bytes.length > in->granted - in->got)
		return fail(why, ERR_PROTOCOL, "channel %u: more than its credit", in->channel);
	in->got += m->bytes.length;
	return OK;
}

enum err
stream_used(struct stream_in *in, size_t length, struct why *why)
{
	assert(length <= in->got - in->used);
	in->used += length;
	if (in->ended || in->granted - in->used > in->window_bytes / 2)
		return OK;
	return grant(in, why);
}

enum err
stream_ended(struct stream_in *in, const struct msg_stream_end *m, struct why *why)
{
	if (in->ended || m->offset != in->got)
		return fail(why, ERR_PROTOCOL, "channel %u ends at %llu, %llu came", in->channel,
		    (unsigned long long)m->offset, (unsigned long long)in->got);
	in->ended = true;
	return OK;
}
