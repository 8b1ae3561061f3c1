/* One call of the client, from its first message to its status; unary calls are streams that somebody waits for. */
#include <stdlib.h>

#include "common/base/arena.h"
#include "common/base/text.h"
#include "common/rpc/client_link.h"
#include "common/wire/protobuf.h"

#define ANSWER_ARENA_BYTES (128u << 20)

struct rpc_stream *
stream_new(struct rpc_client *client, const struct rpc_stream_config *config)
{
	struct rpc_stream *stream = calloc(1, sizeof(*stream));

	if (stream == NULL)
		abort();
	stream->client = client;
	stream->config = *config;
	list_append(&client->streams, &stream->link);
	return stream;
}

/* Its id was forgotten by nghttp2 (closed) or by streams_reset. */
static void
stream_free(struct rpc_stream *stream)
{
	list_remove(&stream->link);
	list_remove(&stream->ready);
	loop_timer_stop(stream->client->loop, &stream->deadline);
	buffer_done(&stream->in);
	buffer_done(&stream->out);
	free(stream);
}

void
stream_wake(struct rpc_stream *stream)
{
	if (stream->ready.next == NULL)
		list_append(&stream->client->ready, &stream->ready);
	client_wake(stream->client);
}

static void
status_set(struct rpc_status *status, int code, const char *message, const char *detail)
{
	struct text message_text = TEXT_OF(status->message), detail_text = TEXT_OF(status->detail);

	status->code = code;
	text_add(&message_text, "%s", message);
	text_add(&detail_text, "%s", detail);
}

void
stream_end(struct rpc_stream *stream, int code, const char *message, const char *detail)
{
	if (stream->closed)
		return;
	status_set(&stream->status, code, message, detail);
	stream->has_status = true;
	stream->closed = true;
	stream_wake(stream);
}

/* End it from our side. */
static void
stream_break(struct rpc_stream *stream, int code, const char *message, const char *detail)
{
	if (!stream->closed)
		streams_reset(stream);
	buffer_done(&stream->in);
	stream->closed = false;
	stream_end(stream, code, message, detail);
}

static void
deadline_passed(void *self)
{
	struct rpc_stream *stream = self;

	if (!stream->closed)
		stream_break(stream, GRPC_DEADLINE_EXCEEDED, "no answer in time", "");
}

/* The vetting reader first, since a gateway may lie too; then a copy that the caller of rpc_unary can free by itself. */
static enum err
message_read(struct rpc_stream *stream, struct span bytes, ProtobufCMessage **out, struct why *why)
{
	auto_arena struct arena arena = {.max_bytes = ANSWER_ARENA_BYTES};
	enum err r = protobuf_read(stream->config.response, bytes, &arena, out, why);

	if (r != OK)
		return r;
	*out = protobuf_c_message_unpack(stream->config.response, NULL, bytes.length, (const uint8_t *)bytes.at);
	return *out == NULL ? fail(why, ERR_SYNTAX, "malformed") : OK;
}

static void
message_deliver(struct rpc_stream *stream, ProtobufCMessage *message)
{
	if (stream->keep != NULL) {
		if (*stream->keep != NULL)
			protobuf_c_message_free_unpacked(message, NULL);
		else
			*stream->keep = message;
		return;
	}
	if (!stream->config.message(stream->config.self, stream, message))
		stream->paused = true;
	protobuf_c_message_free_unpacked(message, NULL);
}

/* One message, if a whole one is there. */
static bool
message_next(struct rpc_stream *stream)
{
	enum grpc_status status = GRPC_INTERNAL;
	ProtobufCMessage *message = NULL;
	struct why why = {0};
	struct span bytes;
	enum err r = grpc_frame(buffer_span(&stream->in), RPC_ANSWER_MAX, &bytes, &status, &why);

	if (r == ERR_MORE)
		return false;
	if (r == OK)
		r = message_read(stream, bytes, &message, &why);
	if (r != OK) {
		stream_break(stream, (int)status, "the gateway sent a message that cannot be read", why.text);
		return false;
	}
	buffer_take(&stream->in, GRPC_PREFIX_BYTES + bytes.length);
	message_deliver(stream, message);
	return true;
}

void
stream_advance(struct rpc_stream *stream)
{
	if (stream->busy)
		return; /* a callback serves the loop: what is underneath goes on after it */
	stream->busy = true;
	while (!stream->dead && !stream->paused && message_next(stream))
		;
	if (!stream->dead && stream->room_again && !stream->closed) {
		stream->room_again = false;
		if (stream->config.writable != NULL)
			stream->config.writable(stream->config.self, stream);
	}
	/* A paused stream's end waits behind its messages. */
	if (!stream->dead && stream->closed && (!stream->paused || stream->in.length == 0)) {
		loop_timer_stop(stream->client->loop, &stream->deadline);
		stream->dead = true;
		stream->config.ended(stream->config.self, stream, &stream->status);
	}
	stream->busy = false;
	if (stream->dead)
		stream_free(stream);
}

void
rpc_stream_send(struct rpc_stream *stream, const ProtobufCMessage *message)
{
	if (stream->closed || stream->dead || stream->half_closed)
		return;
	grpc_frame_add(&stream->out, message);
	stream->starved |= stream->out.length >= RPC_STREAM_QUEUE_MAX;
	if (stream->id > 0)
		nghttp2_session_resume_data(stream->client->session, stream->id);
	client_wake(stream->client);
}

size_t
rpc_stream_room(const struct rpc_stream *stream)
{
	if (stream->closed || stream->half_closed || stream->out.length >= RPC_STREAM_QUEUE_MAX)
		return 0;
	return RPC_STREAM_QUEUE_MAX - stream->out.length;
}

void
rpc_stream_half_close(struct rpc_stream *stream)
{
	if (stream->closed || stream->dead || stream->half_closed)
		return;
	stream->half_closed = true;
	if (stream->id > 0)
		nghttp2_session_resume_data(stream->client->session, stream->id);
	client_wake(stream->client);
}

void
rpc_stream_resume(struct rpc_stream *stream)
{
	stream->paused = false;
	if (stream->unconsumed > 0 && !stream->closed)
		nghttp2_session_consume_stream(stream->client->session, stream->id, stream->unconsumed);
	stream->unconsumed = 0;
	stream_wake(stream);
}

void
rpc_stream_cancel(struct rpc_stream *stream)
{
	if (!stream->closed)
		streams_reset(stream);
	stream->dead = true;
	if (!stream->busy)
		stream_free(stream);
}

enum err
rpc_stream_open(struct rpc_client *client, const struct rpc_stream_config *config, const ProtobufCMessage *first,
    bool only_first, struct rpc_stream **out, struct why *why)
{
	struct rpc_stream *stream = stream_new(client, config);
	enum err r;

	if (first != NULL)
		rpc_stream_send(stream, first);
	stream->half_closed = only_first;
	if ((r = stream_start(stream, 0, why)) != OK) {
		stream_free(stream);
		return r;
	}
	*out = stream;
	return OK;
}

/* A unary call that is waited for. */
struct unary {
	struct rpc_status *status;
	bool done;
};

static void
unary_ended(void *self, struct rpc_stream *stream, const struct rpc_status *status)
{
	struct unary *unary = self;

	(void)stream;
	*unary->status = *status;
	unary->done = true;
}

static void
unary_wait(struct rpc_client *client, struct rpc_stream *stream, struct unary *unary)
{
	struct why why = {0};
	enum err r = OK;

	while (!unary->done && r == OK && !loop_stopping(client->loop))
		r = loop_turn(client->loop, -1, &why);
	if (unary->done)
		return;
	rpc_stream_cancel(stream);
	status_set(unary->status, GRPC_CANCELLED, "interrupted", "");
}

enum err
rpc_unary(struct rpc_client *client, const char *path, const ProtobufCMessage *request,
    const ProtobufCMessageDescriptor *response, uint32_t timeout_ms, ProtobufCMessage **out, struct rpc_status *status)
{
	struct unary unary = {.status = status};
	const struct rpc_stream_config config = {
	    .path = path, .response = response, .self = &unary, .ended = unary_ended};
	struct rpc_stream *stream = stream_new(client, &config);
	struct why why = {0};

	*out = NULL;
	*status = (struct rpc_status){0};
	stream->keep = out;
	rpc_stream_send(stream, request);
	stream->half_closed = true;
	if (stream_start(stream, timeout_ms, &why) == OK) {
		if (timeout_ms > 0)
			loop_timer_set(client->loop, &stream->deadline, timeout_ms, deadline_passed, stream);
		unary_wait(client, stream, &unary);
	} else {
		stream_free(stream);
		status_set(status, GRPC_UNAVAILABLE, "the connection to the gateway was lost", why.text);
	}
	if (status->code == GRPC_OK && *out == NULL)
		status_set(status, GRPC_INTERNAL, "the gateway sent no answer", "");
	if (status->code != GRPC_OK && *out != NULL) {
		protobuf_c_message_free_unpacked(*out, NULL);
		*out = NULL;
	}
	return grpc_err(status->code);
}
