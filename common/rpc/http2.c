/* HTTP/2 of the server: between nghttp2 and the calls. Callbacks only note what came; calls act at the turn's end. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/clean.h"
#include "common/rpc/connection.h"
#include "common/rpc/frames.h"

#define CONNECTION_WINDOW (4 << 20)  /* all streams together; each is bounded by WINDOW_BYTES */
#define DROPPED_MAX	  (16 << 20) /* of a request whose answer is whole */
#define MESSAGE_WORDS	  12288	     /* percent-encoding makes three of one */

static struct rpc_call *
call_of(nghttp2_session *session, int32_t stream)
{
	return nghttp2_session_get_stream_user_data(session, stream);
}

static int
on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *self)
{
	struct connection *connection = self;

	if (frame->hd.type == NGHTTP2_HEADERS && frame->headers.cat == NGHTTP2_HCAT_REQUEST)
		nghttp2_session_set_stream_user_data(
		    session, frame->hd.stream_id, call_new(connection, frame->hd.stream_id));
	return 0;
}

static int
on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name, size_t name_length,
    const uint8_t *value, size_t value_length, uint8_t flags, void *self)
{
	struct rpc_call *call = call_of(session, frame->hd.stream_id);

	(void)flags, (void)self;
	if (call != NULL && !call->headers_done)
		call_header(call, span_of_bytes(name, name_length), span_of_bytes(value, value_length));
	else if (call != NULL && call->claimed)
		call_trailer(
		    call, &call->trailers_in, span_of_bytes(name, name_length), span_of_bytes(value, value_length));
	return 0;
}

static int
on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *self)
{
	struct rpc_call *call = call_of(session, frame->hd.stream_id);

	(void)self;
	if (call == NULL || (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA))
		return 0;
	call->headers_done = true; /* a DATA frame cannot come before */
	if ((frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0)
		call->input_ended = call->fresh = true;
	call_wake(call);
	return 0;
}

static int
on_data(nghttp2_session *session, uint8_t flags, int32_t stream, const uint8_t *at, size_t length, void *self)
{
	struct rpc_call *call = call_of(session, stream);

	(void)flags, (void)self;
	nghttp2_session_consume_connection(session, length); /* one paused call must not hold back the others */
	if (call != NULL && !call->finished && (call->claimed || (call->method != NULL && call->paused)))
		call->unconsumed += length;
	else
		nghttp2_session_consume_stream(session, stream, length);
	if (call != NULL && call->finished && call->claimed && (call->dropped += length) > DROPPED_MAX)
		nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, stream, NGHTTP2_NO_ERROR);
	if (call == NULL || call->finished || (call->is_http && !call->claimed))
		return 0;
	buffer_add(&call->in, span_of_bytes(at, length));
	call->fresh = true;
	call_wake(call);
	return 0;
}

static int
on_stream_close(nghttp2_session *session, int32_t stream, uint32_t error_code, void *self)
{
	struct rpc_call *call = call_of(session, stream);

	(void)error_code, (void)self;
	if (call == NULL)
		return 0;
	call->closed = true;
	call_wake(call);
	return 0;
}

/*
 * We have said all: a client that still sends is told to stop (RFC 9113, 8.1). What follows a whole answer of a claimed
 * request is let come for a while: clients report the reset in place of the answer.
 */
static int
on_frame_sent(nghttp2_session *session, const nghttp2_frame *frame, void *self)
{
	struct rpc_call *call = call_of(session, frame->hd.stream_id);

	(void)self;
	if (call != NULL && !call->input_ended && !call->claimed && (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0 &&
	    (frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA))
		nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, frame->hd.stream_id, NGHTTP2_NO_ERROR);
	return 0;
}

static void
trailers_submit(nghttp2_session *session, struct rpc_call *call)
{
	char status[16], words[MESSAGE_WORDS] = "";
	struct text message = TEXT_OF(words);
	nghttp2_nv fields[2];

	snprintf(status, sizeof(status), "%d", call->status);
	grpc_percent_encode(&message, span_of_text(call->status_words));
	fields[0] = frames_field("grpc-status", span_of_text(status));
	fields[1] = frames_field("grpc-message", text_span(&message));
	nghttp2_submit_trailer(session, call->stream, fields, message.length == 0 ? 1 : 2);
}

static nghttp2_nv
own_field(const struct rpc_field *field)
{
	nghttp2_nv out = frames_field("", field->value);

	out.name = (uint8_t *)(uintptr_t)field->name.at;
	out.namelen = field->name.length;
	return out;
}

static void
http_trailers_submit(nghttp2_session *session, struct rpc_call *call)
{
	nghttp2_nv fields[HTTP_TRAILERS_MAX];

	for (size_t i = 0; i < call->trailers_out.n; i++)
		fields[i] = own_field(&call->trailers_out.at[i]);
	nghttp2_submit_trailer(session, call->stream, fields, call->trailers_out.n);
}

/* nghttp2 asks how long the next piece of a response is: with its frame no longer than a record. */
static ssize_t
out_read(nghttp2_session *session, int32_t stream, uint8_t *to, size_t size, uint32_t *flags,
    nghttp2_data_source *source, void *self)
{
	const struct connection *connection = self;
	struct rpc_call *call = call_of(session, stream);
	size_t most = frames_data_most(&connection->pump);

	(void)source, (void)to;
	if (call == NULL || (call->out.length == 0 && !call->finished))
		return NGHTTP2_ERR_DEFERRED;
	call->promised = span_head(buffer_span(&call->out), size < most ? size : most).length;
	*flags |= NGHTTP2_DATA_FLAG_NO_COPY;
	if (call->finished && call->out.length == call->promised) {
		*flags |= NGHTTP2_DATA_FLAG_EOF;
		if (!call->is_http || call->trailers_out.n > 0) {
			*flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
			if (call->is_http)
				http_trailers_submit(session, call);
			else
				trailers_submit(session, call);
		}
	}
	return (ssize_t)call->promised;
}

/* nghttp2 has made the head of a DATA frame: both go to the pump at once. What was promised may be gone: then the stream is reset. */
static int
on_send_data(nghttp2_session *session, nghttp2_frame *frame, const uint8_t *head, size_t length,
    nghttp2_data_source *source, void *self)
{
	struct connection *connection = self;
	struct rpc_call *call = call_of(session, frame->hd.stream_id);

	(void)source;
	if (call == NULL || length > call->out.length)
		return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
	if (connection->pump.out.length >= pump_record(&connection->pump))
		return NGHTTP2_ERR_WOULDBLOCK;
	buffer_add(&connection->pump.out, span_of_bytes(head, FRAME_HEAD_BYTES));
	buffer_add(&connection->pump.out, span_head(buffer_span(&call->out), length));
	buffer_take(&call->out, length);
	call->promised = 0;
	call_sent(call);
	return 0;
}

bool
http2_open(struct connection *connection)
{
	const nghttp2_settings_entry settings[] = {
	    {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, STREAMS_MAX},
	    {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, WINDOW_BYTES},
	    {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, HEADER_BYTES_MAX},
	    {NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL, 1}, /* last: only for claimed requests */
	};
	size_t settings_n = connection->server->config.claim == NULL ? COUNT(settings) - 1 : COUNT(settings);
	nghttp2_session_callbacks *callbacks = frames_callbacks();
	int r;

	nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin_headers);
	nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
	nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
	nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_close);
	nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, on_frame_sent);
	nghttp2_session_callbacks_set_send_data_callback(callbacks, on_send_data);
	r = frames_session(&connection->session, true, callbacks, connection);
	if (r == 0)
		r = nghttp2_submit_settings(connection->session, NGHTTP2_FLAG_NONE, settings, settings_n);
	if (r == 0)
		r = nghttp2_session_set_local_window_size(connection->session, NGHTTP2_FLAG_NONE, 0, CONNECTION_WINDOW);
	return r == 0;
}

bool
http2_take(struct connection *connection, struct span bytes)
{
	return nghttp2_session_mem_recv(connection->session, (const uint8_t *)bytes.at, bytes.length) >= 0;
}

bool
http2_send(struct connection *connection)
{
	if (!frames_send(connection->session, &connection->pump))
		return false;
	return nghttp2_session_want_read(connection->session) || nghttp2_session_want_write(connection->session);
}

void
http2_ping(struct connection *connection)
{
	if (connection->session != NULL)
		nghttp2_submit_ping(connection->session, NGHTTP2_FLAG_NONE, NULL);
	connection_wake(connection);
}

void
http2_begin(struct rpc_call *call, int http_status, const char *content_type, bool has_length, size_t length)
{
	const nghttp2_data_provider provider = {.read_callback = out_read};
	char status[16], bytes[24];
	nghttp2_nv fields[4];
	size_t n = 0;

	snprintf(status, sizeof(status), "%d", http_status);
	snprintf(bytes, sizeof(bytes), "%zu", length);
	fields[n++] = frames_field(":status", span_of_text(status));
	fields[n++] = frames_field("content-type", span_of_text(content_type));
	fields[n++] = frames_field("x-request-id", call->caller.request_id);
	if (has_length)
		fields[n++] = frames_field("content-length", span_of_text(bytes));
	call->begun = true;
	nghttp2_submit_response(
	    call->connection->session, call->stream, fields, n, has_length && call->out.length == 0 ? NULL : &provider);
}

void
http2_begin_fields(struct rpc_call *call, int http_status, const struct rpc_field *fields, size_t n, uint64_t length)
{
	const nghttp2_data_provider provider = {.read_callback = out_read};
	nghttp2_nv out[HTTP_FIELDS_MAX + 2];
	char status[16], bytes[24];
	size_t out_n = 0;

	snprintf(status, sizeof(status), "%d", http_status);
	snprintf(bytes, sizeof(bytes), "%llu", (unsigned long long)length);
	out[out_n++] = frames_field(":status", span_of_text(status));
	for (size_t i = 0; i < n && out_n <= HTTP_FIELDS_MAX; i++)
		out[out_n++] = own_field(&fields[i]);
	if (length != RPC_HTTP_UNKNOWN)
		out[out_n++] = frames_field("content-length", span_of_text(bytes));
	nghttp2_submit_response(
	    call->connection->session, call->stream, out, out_n, call->framing == FRAMING_NONE ? NULL : &provider);
}

void
http2_interim(struct rpc_call *call, int http_status, const struct rpc_field *fields, size_t n)
{
	nghttp2_nv out[HTTP_FIELDS_MAX + 1];
	char status[16];
	size_t out_n = 0;

	snprintf(status, sizeof(status), "%d", http_status);
	out[out_n++] = frames_field(":status", span_of_text(status));
	for (size_t i = 0; i < n && out_n <= HTTP_FIELDS_MAX; i++)
		out[out_n++] = own_field(&fields[i]);
	nghttp2_submit_headers(call->connection->session, NGHTTP2_FLAG_NONE, call->stream, NULL, out, out_n, NULL);
}

void
http2_abort(struct rpc_call *call)
{
	nghttp2_submit_rst_stream(call->connection->session, NGHTTP2_FLAG_NONE, call->stream, NGHTTP2_INTERNAL_ERROR);
}

void
http2_trailers_only(struct rpc_call *call)
{
	char status[16], words[MESSAGE_WORDS] = "";
	struct text message = TEXT_OF(words);
	nghttp2_nv fields[5];

	snprintf(status, sizeof(status), "%d", call->status);
	grpc_percent_encode(&message, span_of_text(call->status_words));
	fields[0] = frames_field(":status", SPAN("200"));
	fields[1] = frames_field("content-type", SPAN("application/grpc"));
	fields[2] = frames_field("x-request-id", call->caller.request_id);
	fields[3] = frames_field("grpc-status", span_of_text(status));
	fields[4] = frames_field("grpc-message", text_span(&message));
	call->begun = true;
	nghttp2_submit_response(call->connection->session, call->stream, fields, message.length == 0 ? 4 : 5, NULL);
}

void
http2_resume(struct rpc_call *call)
{
	nghttp2_session_resume_data(call->connection->session, call->stream);
}

void
http2_consume(struct rpc_call *call, size_t n)
{
	if (n > 0)
		nghttp2_session_consume_stream(call->connection->session, call->stream, n);
	call->unconsumed -= n;
}
