/* HTTP/2 of the client: between nghttp2 and the streams. Callbacks only note what came; streams act later. */
#include <stdio.h>
#include <stdlib.h>

#include "common/base/clean.h"
#include "common/base/text.h"
#include "common/rpc/frames.h"
#include "common/rpc/client_link.h"

#define WINDOW_BYTES	  1048576
#define CONNECTION_WINDOW (8 << 20)

static struct rpc_stream *
stream_of(nghttp2_session *session, int32_t id)
{
	return nghttp2_session_get_stream_user_data(session, id);
}

static int
on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name_at, size_t name_length,
    const uint8_t *value_at, size_t value_length, uint8_t flags, void *self)
{
	struct rpc_stream *stream = stream_of(session, frame->hd.stream_id);
	struct span name = span_of_bytes(name_at, name_length), value = span_of_bytes(value_at, value_length);
	uint64_t number;

	(void)flags, (void)self;
	if (stream == NULL || stream->closed)
		return 0;
	if (span_is(name, ":status") && number_parse(value, 100, 999, &number, NULL) == OK)
		stream->http_status = (unsigned)number;
	else if (span_is(name, "grpc-status") && !stream->has_status) {
		stream->status.code = number_parse(value, 0, 16, &number, NULL) == OK ? (int)number : GRPC_UNKNOWN;
		stream->has_status = true;
	} else if (span_is(name, "grpc-message"))
		grpc_percent_decode(value, stream->status.message, sizeof(stream->status.message));
	return 0;
}

static void
going_away(struct rpc_client *client, const nghttp2_goaway *frame)
{
	client->leaving = true;
	(void)fail(&client->why, ERR_UNAVAILABLE, "HTTP/2 with %s: the gateway is going away (%s)", client->authority,
	    nghttp2_http2_strerror(frame->error_code));
}

static int
on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *self)
{
	struct rpc_client *client = self;

	(void)session;
	if (frame->hd.type == NGHTTP2_SETTINGS)
		client->settled = true;
	else if (frame->hd.type == NGHTTP2_GOAWAY)
		going_away(client, &frame->goaway);
	return 0;
}

static int
on_data(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *at, size_t length, void *self)
{
	struct rpc_stream *stream = stream_of(session, id);

	(void)flags, (void)self;
	nghttp2_session_consume_connection(session, length);
	if (stream == NULL || stream->closed) {
		nghttp2_session_consume_stream(session, id, length);
		return 0;
	}
	if (stream->paused)
		stream->unconsumed += length;
	else
		nghttp2_session_consume_stream(session, id, length);
	buffer_add(&stream->in, span_of_bytes(at, length));
	stream_wake(stream);
	return 0;
}

static int
on_stream_close(nghttp2_session *session, int32_t id, uint32_t error_code, void *self)
{
	struct rpc_stream *stream = stream_of(session, id);
	char detail[sizeof(stream->status.detail)];

	(void)self;
	if (stream == NULL || stream->closed)
		return 0;
	if (stream->has_status) {
		stream->closed = true;
		stream_wake(stream);
	} else if (error_code != NGHTTP2_NO_ERROR) {
		snprintf(detail, sizeof(detail), "HTTP/2 stream error %s", nghttp2_http2_strerror(error_code));
		stream_end(stream, (int)grpc_of_http2(error_code), "the gateway ended the stream", detail);
	} else {
		snprintf(detail, sizeof(detail), "HTTP status %u without a gRPC status", stream->http_status);
		stream_end(stream, (int)grpc_of_http(stream->http_status), "not an answer of a gRPC server", detail);
	}
	return 0;
}

/* Requests that could not be sent: the server said GOAWAY before. */
static int
on_frame_not_sent(nghttp2_session *session, const nghttp2_frame *frame, int error, void *self)
{
	struct rpc_client *client = self;
	struct rpc_stream *stream;

	(void)session;
	if (frame->hd.type != NGHTTP2_HEADERS)
		return 0;
	list_each(stream, &client->streams, struct rpc_stream, link)
		if (stream->id == frame->hd.stream_id && !stream->closed && !stream->dead)
			stream_end(stream, GRPC_UNAVAILABLE, "the request could not be sent",
			    client->leaving ? client->why.text : nghttp2_strerror(error));
	return 0;
}

bool
streams_open(struct rpc_client *client)
{
	const nghttp2_settings_entry settings[] = {
	    {NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
	    {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, WINDOW_BYTES},
	};
	nghttp2_session_callbacks *callbacks = frames_callbacks();
	int r;

	nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
	nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
	nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_close);
	nghttp2_session_callbacks_set_on_frame_not_send_callback(callbacks, on_frame_not_sent);
	r = frames_session(&client->session, false, callbacks, client);
	if (r == 0)
		r = nghttp2_submit_settings(client->session, NGHTTP2_FLAG_NONE, settings, COUNT(settings));
	if (r == 0)
		r = nghttp2_session_set_local_window_size(client->session, NGHTTP2_FLAG_NONE, 0, CONNECTION_WINDOW);
	client_wake(client);
	return r == 0;
}

static ssize_t
out_read(nghttp2_session *session, int32_t id, uint8_t *to, size_t size, uint32_t *flags, nghttp2_data_source *source,
    void *self)
{
	struct rpc_stream *stream = stream_of(session, id); /* not from source: it may be gone */
	const struct rpc_client *client = self;
	size_t most = frames_data_most(&client->pump);
	struct span piece;

	(void)source;
	if (stream == NULL || stream->closed || (stream->out.length == 0 && !stream->half_closed))
		return NGHTTP2_ERR_DEFERRED;
	piece = span_head(buffer_span(&stream->out), size < most ? size : most);
	if (piece.length > 0)
		memcpy(to, piece.at, piece.length);
	buffer_take(&stream->out, piece.length);
	if (stream->starved && stream->out.length <= RPC_STREAM_QUEUE_MAX / 2) {
		stream->starved = false;
		stream->room_again = true;
		stream_wake(stream);
	}
	if (stream->half_closed && stream->out.length == 0)
		*flags |= NGHTTP2_DATA_FLAG_EOF;
	return (ssize_t)piece.length;
}

enum err
streams_submit(struct rpc_stream *stream, uint32_t timeout_ms, struct why *why)
{
	struct rpc_client *client = stream->client;
	const nghttp2_data_provider provider = {.read_callback = out_read};
	char bearer[8192], timeout[16];
	nghttp2_nv fields[10];
	size_t n = 0;

	if (client->lost || client->leaving || !nghttp2_session_check_request_allowed(client->session))
		return fail(why, ERR_UNAVAILABLE, "%s",
		    client->why.text[0] != '\0' ? client->why.text : "the connection takes no more calls");
	fields[n++] = frames_field(":method", SPAN("POST"));
	fields[n++] = frames_field(":scheme", client->tls ? SPAN("https") : SPAN("http"));
	fields[n++] = frames_field(":path", span_of_text(stream->config.path));
	fields[n++] = frames_field(":authority", span_of_text(client->authority));
	fields[n++] = frames_field("te", SPAN("trailers"));
	fields[n++] = frames_field("content-type", SPAN("application/grpc"));
	fields[n++] = frames_field("user-agent", span_of_text(client->user_agent));
	if (client->field != NULL)
		fields[n++] = frames_field(client->field, span_of_text(client->field_value));
	if (timeout_ms > 0) { /* at most 8 digits (PROTOCOL-HTTP2.md) */
		snprintf(timeout, sizeof(timeout), timeout_ms > 99999999 ? "%uS" : "%um",
		    timeout_ms > 99999999 ? timeout_ms / 1000 : timeout_ms);
		fields[n++] = frames_field("grpc-timeout", span_of_text(timeout));
	}
	if (client->bearer != NULL) {
		if (snprintf(bearer, sizeof(bearer), "Bearer %s", client->bearer) >= (int)sizeof(bearer))
			return fail(why, ERR_INVALID, "the bearer token is too long");
		fields[n++] = frames_secret_field("authorization", span_of_text(bearer));
	}
	stream->id = nghttp2_submit_request(client->session, NULL, fields, n, &provider, stream);
	explicit_bzero(bearer, sizeof(bearer));
	if (stream->id < 0)
		return fail(why, ERR_UNAVAILABLE, "HTTP/2: %s", nghttp2_strerror(stream->id));
	client_wake(client);
	return OK;
}

void
streams_reset(struct rpc_stream *stream)
{
	nghttp2_session *session = stream->client->session;

	if (stream->id <= 0 || stream->client->lost)
		return;
	nghttp2_session_set_stream_user_data(session, stream->id, NULL);
	nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, stream->id, NGHTTP2_CANCEL);
	client_wake(stream->client);
}
