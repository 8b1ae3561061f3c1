/* Upstream in HTTP/2, the answers: strict heads, bodies as the proxy takes them, and how streams end. */
#include <stdlib.h>

#include "common/base/clock.h"
#include "common/base/text.h"
#include "sandbox/router/h2_inside.h"

#define LIST_BYTES    (4 * HTTP_HEAD_BYTES)
#define FRAMES_SECOND 1000 /* that lead nowhere: a server that only makes us work is left */

void
h2_flow_free(struct flow *flow)
{
	list_remove(&flow->link);
	bytes_free(&flow->in);
	arena_reset(&flow->memory);
	free(flow);
}

struct errand *
h2_part(struct flow *flow)
{
	struct errand *errand = flow->errand;

	if (errand != NULL) {
		errand->flow = NULL;
		errand->upstream = NULL;
	}
	flow->errand = NULL;
	if (bytes_length(&flow->in) > 0) {
		nghttp2_session_consume_connection(flow->upstream->session, bytes_length(&flow->in));
		bytes_free(&flow->in);
	}
	return errand;
}

static void
hand_on(struct flow *flow, size_t most)
{
	struct span bytes = span_head(bytes_span(&flow->in), most);

	nghttp2_session_consume_stream(flow->upstream->session, flow->stream, bytes.length);
	nghttp2_session_consume_connection(flow->upstream->session, bytes.length);
	errand_answer(flow->errand, bytes);
	bytes_take(&flow->in, bytes.length);
}

/* As much as the proxy takes; what came whole is the errand's to keep. */
static void
drain(struct flow *flow)
{
	bool whole = flow->ended && flow->head_done;
	struct errand *errand = flow->errand;
	size_t most;

	while (bytes_length(&flow->in) > 0 && (most = whole ? SIZE_MAX : errand_room(errand)) > 0)
		hand_on(flow, most);
	side_touch(&flow->upstream->side);
	if (!whole)
		return;
	h2_part(flow);
	errand_answered(errand, flow->trailers, flow->trailers_n);
}

void
h2_resume(struct errand *errand)
{
	if (errand->flow != NULL)
		drain(errand->flow);
}

static struct span
keep(struct flow *flow, const uint8_t *bytes, size_t length)
{
	struct span copy = SPAN_NONE;

	(void)arena_span(&flow->memory, span_of_bytes(bytes, length), &copy);
	return copy;
}

static bool
take_field(struct reading *reading, struct flow *flow, struct span name, struct span value)
{
	struct http_head *head = &reading->head;
	uint64_t status = 0;

	if (flow->head_done) {
		if (flow->trailers_n == HTTP_TRAILERS_MAX || !http_token(name) || !http_value_ok(value))
			return false;
		flow->trailers[flow->trailers_n++] = http_trailer_of(name, value);
		return true;
	}
	if (span_is(name, ":status")) {
		if (number_parse(value, 100, 599, &status, NULL) != OK)
			return false;
		head->status = (unsigned)status;
		return true;
	}
	if (head->fields_n == HTTP_FIELDS_MAX || !http_token(name) || !http_value_ok(value))
		return false;
	head->fields[head->fields_n] = http_field_of(name, value);
	if (head->fields[head->fields_n++].known != HTTP_CONTENT_LENGTH)
		return true;
	head->has_length = true;
	return number_parse(value, 0, INT64_MAX, &head->length, NULL) == OK;
}

static int
on_begin(nghttp2_session *session, const nghttp2_frame *frame, void *self)
{
	struct side *side = self;
	struct reading *reading = ((struct upstream *)side->self)->answer;

	(void)session, (void)frame;
	memset(&reading->head, 0, offsetof(struct http_head, fields));
	reading->bytes = 0;
	reading->bad = false;
	return 0;
}

static int
on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name, size_t name_length,
    const uint8_t *value, size_t value_length, uint8_t flags, void *self)
{
	struct flow *flow = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
	struct side *side = self;
	struct reading *reading = ((struct upstream *)side->self)->answer;

	(void)flags;
	if (flow == NULL || flow->errand == NULL)
		return 0;
	reading->bytes += name_length + value_length;
	if (reading->bytes > LIST_BYTES)
		return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
	if (reading->bytes > HTTP_HEAD_BYTES)
		reading->bad = true;
	else
		reading->bad |=
		    !take_field(reading, flow, keep(flow, name, name_length), keep(flow, value, value_length));
	return 0;
}

static int
on_invalid(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name, size_t name_length,
    const uint8_t *value, size_t value_length, uint8_t flags, void *self)
{
	(void)session, (void)frame, (void)name, (void)name_length, (void)value, (void)value_length, (void)flags,
	    (void)self;
	return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE; /* the stream is reset; by default the field would just be dropped */
}

static void
give_up(struct flow *flow, const char *code, const struct why *why)
{
	struct errand *errand = h2_part(flow);

	nghttp2_submit_rst_stream(flow->upstream->session, NGHTTP2_FLAG_NONE, flow->stream, NGHTTP2_CANCEL);
	if (errand != NULL)
		errand_fail(errand, code, why);
}

/* A head is whole. */
static void
head_whole(struct flow *flow, struct reading *reading, bool ended)
{
	struct http_head *head = &reading->head;
	bool without = flow->errand->request.head || head->status == 204 || head->status == 304;
	struct why why = {0};

	if (reading->bad || head->status == 101 || head->status == 0) {
		fail(&why, ERR_PROTOCOL, "a malformed answer");
		give_up(flow, "upstream_broken", &why);
		return;
	}
	if (head->status < 200) {
		errand_head(flow->errand, head, false);
		return;
	}
	flow->head_done = true;
	head->has_length &= head->status != 204;
	if (ended && !without) {
		head->has_length = true;
		head->length = 0;
	}
	errand_head(flow->errand, head, !without && !ended);
}

/* Does it make us work for nothing? */
static bool
floods(struct reading *reading, const nghttp2_frame *frame)
{
	uint64_t second = clock_ms() / 1000;
	bool idle = frame->hd.type == NGHTTP2_PING || frame->hd.type == NGHTTP2_SETTINGS ||
		    frame->hd.type == NGHTTP2_PRIORITY || frame->hd.type == NGHTTP2_RST_STREAM ||
		    (frame->hd.type == NGHTTP2_DATA && frame->hd.length == 0);

	if (reading->second != second)
		reading->frames = 0;
	reading->second = second;
	return idle && ++reading->frames > FRAMES_SECOND;
}

static int
on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *self)
{
	struct side *side = self;
	struct upstream *upstream = side->self;
	bool ended = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
	struct flow *flow =
	    frame->hd.stream_id == 0 ? NULL : nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);

	if (frame->hd.type == NGHTTP2_GOAWAY)
		upstream->going = true;
	if (floods(upstream->answer, frame)) {
		upstream->going = true;
		nghttp2_session_terminate_session(session, NGHTTP2_ENHANCE_YOUR_CALM);
	}
	if (flow == NULL || flow->errand == NULL ||
	    (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA))
		return 0;
	flow->ended |= ended;
	if (frame->hd.type == NGHTTP2_HEADERS && !flow->head_done)
		head_whole(flow, upstream->answer, ended);
	if (flow->errand != NULL && flow->ended)
		drain(flow);
	return 0;
}

static int
on_data(nghttp2_session *session, uint8_t flags, int32_t stream, const uint8_t *data, size_t length, void *self)
{
	struct flow *flow = nghttp2_session_get_stream_user_data(session, stream);

	(void)flags, (void)self;
	if (flow == NULL || flow->errand == NULL) {
		nghttp2_session_consume_connection(session, length);
		return 0;
	}
	bytes_add(&flow->in, span_of_bytes(data, length)); /* bounded by the stream's window and the connection's */
	drain(flow);
	return 0;
}

static void
stream_gone(struct flow *flow, uint32_t error)
{
	struct errand *errand;
	struct why why = {0};

	fail(&why, ERR_UNAVAILABLE, "the server reset the stream: %s", nghttp2_http2_strerror(error));
	errand = h2_part(flow);
	if (error == NGHTTP2_REFUSED_STREAM) /* or behind the last one of a GOAWAY */
		upstream_retry(errand, true, &why);
	else
		errand_fail(errand, "upstream_broken", &why);
}

static int
on_close(nghttp2_session *session, int32_t stream, uint32_t error, void *self)
{
	struct flow *flow = nghttp2_session_get_stream_user_data(session, stream);
	struct side *side = self;
	struct upstream *upstream = side->self;

	upstream->streams--;
	if (flow != NULL) {
		nghttp2_session_set_stream_user_data(session, stream, NULL);
		flow->stream = 0;
		if (flow->errand != NULL)
			stream_gone(flow, error);
		h2_flow_free(flow);
	}
	if (upstream->state != UPSTREAM_OPEN)
		return 0;
	if (upstream->streams == 0 && upstream->going)
		upstream_dead(upstream);
	else if (upstream->streams == 0)
		upstream_idle(upstream);
	else
		upstream_room(upstream);
	return 0;
}

void
h2_listen(nghttp2_session_callbacks *callbacks)
{
	nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin);
	nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
	nghttp2_session_callbacks_set_on_invalid_header_callback(callbacks, on_invalid);
	nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
	nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_close);
}
