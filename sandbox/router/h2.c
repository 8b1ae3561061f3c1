/* Upstream in HTTP/2: many errands over one connection, framed by nghttp2. */
#include <nghttp2/nghttp2.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/clock.h"
#include "common/base/text.h"
#include "sandbox/router/upstream.h"

#define STREAM_BYTES	 (256 << 10) /* of an answer that the proxy has not taken */
#define CONNECTION_BYTES (4 << 20)
#define NV_MAX		 (REQUEST_FIELDS_MAX + 16)
#define LIST_BYTES	 (4 * HTTP_HEAD_BYTES)
#define FRAMES_SECOND	 1000 /* that lead nowhere: a server that only makes us work is left */

/* One errand's stream. */
struct flow {
	struct list link;
	struct errand *errand; /* NULL: it has left */
	struct upstream *upstream;
	int32_t stream;
	bool deferred, head_done, ended; /* ended: all of the answer came */
	struct bytes in;		 /* waits for the proxy */
	struct http_field trailers[HTTP_TRAILERS_MAX];
	size_t trailers_n;
	struct arena memory; /* of what is read */
};

/* Of a connection: its streams, and the head that is being read, one at a time. */
struct reading {
	struct list flows;
	struct http_head head;
	size_t bytes;
	bool bad;
	uint64_t second;
	unsigned frames;
};

/* ---- the request ---- */

static nghttp2_nv
nv(struct span name, struct span value, bool secret)
{
	return (nghttp2_nv){.name = (uint8_t *)(uintptr_t)name.at,
	    .namelen = name.length,
	    .value = (uint8_t *)(uintptr_t)(value.length == 0 ? "" : value.at),
	    .valuelen = value.length,
	    .flags = secret ? NGHTTP2_NV_FLAG_NO_INDEX : NGHTTP2_NV_FLAG_NONE};
}

/* What stands behind the body: it ends the stream in place of the last of its bytes. */
static void
trailers_submit(struct flow *flow, const struct request *request)
{
	nghttp2_nv fields[HTTP_TRAILERS_MAX];
	nghttp2_session *session = flow->upstream->session;
	size_t n = 0;

	for (; n < request->trailers_n && n < HTTP_TRAILERS_MAX; n++)
		fields[n] = nv(request->trailers[n].name, request->trailers[n].value, false);
	if (nghttp2_submit_trailer(session, flow->stream, fields, n) != 0)
		nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, flow->stream, NGHTTP2_INTERNAL_ERROR);
}

static ssize_t
body_read(nghttp2_session *session, int32_t stream, uint8_t *to, size_t room, uint32_t *flags,
    nghttp2_data_source *source, void *self)
{
	struct flow *flow = nghttp2_session_get_stream_user_data(session, stream);
	struct errand *errand;
	size_t n;

	(void)source, (void)self;
	if (flow == NULL || flow->errand == NULL)
		return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
	errand = flow->errand;
	n = bytes_length(&errand->body) < room ? bytes_length(&errand->body) : room;
	if (n == 0 && !errand->body_ended) {
		flow->deferred = true;
		return NGHTTP2_ERR_DEFERRED;
	}
	if (n > 0)
		memcpy(to, bytes_span(&errand->body).at, n);
	if (n == bytes_length(&errand->body) && errand->body_ended) {
		*flags |= NGHTTP2_DATA_FLAG_EOF;
		if (errand->request.trailers_n > 0) {
			*flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
			trailers_submit(flow, &errand->request);
		}
	}
	errand_body_taken(errand, n);
	return (ssize_t)n;
}

static size_t
fields_make(const struct errand *errand, nghttp2_nv *to, char length[24])
{
	const struct request *request = &errand->request;
	size_t n = 0;

	to[n++] = nv(SPAN(":method"), request->method, false);
	to[n++] = nv(SPAN(":scheme"), request->tls ? SPAN("https") : SPAN("http"), false);
	to[n++] = nv(SPAN(":authority"), request->authority, false);
	to[n++] = nv(SPAN(":path"), request->target, true);
	for (size_t i = 0; i < request->fields_n; i++)
		if (request->mask.n == 0 || !span_is(request->fields[i].name, "accept-encoding"))
			to[n++] = nv(request->fields[i].name, request->fields[i].value, request->fields[i].secret);
	if (request->mask.n > 0)
		to[n++] = nv(SPAN("accept-encoding"), SPAN("identity"), false);
	snprintf(length, 24, "%llu", (unsigned long long)request->length);
	if (request->body == REQUEST_LENGTH || request->body == REQUEST_PIECES)
		to[n++] = nv(SPAN("content-length"), span_of_text(length), false);
	return n;
}

static bool
start(struct upstream *upstream, struct errand *errand)
{
	nghttp2_data_provider provider = {.read_callback = body_read};
	bool empty = errand->body_ended && bytes_length(&errand->body) == 0 && errand->request.trailers_n == 0;
	struct flow *flow = calloc(1, sizeof(*flow));
	nghttp2_nv fields[NV_MAX];
	char length[24];
	size_t n;

	if (flow == NULL)
		abort();
	n = fields_make(errand, fields, length);
	flow->upstream = upstream;
	flow->errand = errand;
	flow->stream = nghttp2_submit_request(upstream->session, NULL, fields, n, empty ? NULL : &provider, flow);
	if (flow->stream < 0) {
		free(flow);
		return false;
	}
	errand->flow = flow;
	list_append(&((struct reading *)upstream->answer)->flows, &flow->link);
	upstream->streams++;
	side_touch(&upstream->side);
	return true;
}

static void
pump(struct errand *errand)
{
	struct flow *flow = errand->flow;

	if (flow->deferred && (bytes_length(&errand->body) > 0 || errand->body_ended)) {
		flow->deferred = false;
		nghttp2_session_resume_data(flow->upstream->session, flow->stream);
	}
	side_touch(&flow->upstream->side);
}

/* ---- the answer ---- */

static void
flow_free(struct flow *flow)
{
	list_remove(&flow->link);
	bytes_free(&flow->in);
	arena_reset(&flow->memory);
	free(flow);
}

/* The errand has all, or wants no more; the stream may live on a little. */
static struct errand *
part(struct flow *flow)
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
	part(flow);
	errand_answered(errand, flow->trailers, flow->trailers_n);
}

static void
resume(struct errand *errand)
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
	struct errand *errand = part(flow);

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
	errand = part(flow);
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
		flow_free(flow);
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

/* ---- the session ---- */

static struct flow *
orphan(struct upstream *upstream)
{
	struct errand *errand;

	list_each(errand, &upstream->router->errands, struct errand, link)
		if (errand->upstream == upstream)
			return errand->flow;
	return NULL;
}

/* The connection is gone, and with it all that it carried; what came whole is passed on as it is taken. */
static void
broken(struct upstream *upstream)
{
	struct flow *flow;
	struct why why = {0};

	upstream_dead(upstream);
	fail(&why, ERR_UNAVAILABLE, "the server ended the connection");
	while ((flow = orphan(upstream)) != NULL) {
		bool fresh = !flow->head_done && upstream->used;
		struct errand *errand = part(flow);

		if (fresh)
			upstream_retry(errand, false, &why);
		else
			errand_fail(errand, "upstream_broken", &why);
	}
}

static void
fill(struct side *side)
{
	struct upstream *upstream = side->self;
	const uint8_t *bytes;
	ssize_t n = 0;

	while (
	    bytes_length(&side->out) < SIDE_OUT_BYTES && (n = nghttp2_session_mem_send(upstream->session, &bytes)) > 0)
		bytes_add(&side->out, span_of_bytes(bytes, (size_t)n));
	if (n < 0)
		side->broken = true;
}

static void
callbacks_set(nghttp2_session_callbacks *callbacks)
{
	nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin);
	nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
	nghttp2_session_callbacks_set_on_invalid_header_callback(callbacks, on_invalid);
	nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
	nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_close);
}

void
h2_open(struct upstream *upstream)
{
	static const nghttp2_settings_entry settings[] = {
	    {NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
	    {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, HTTP_HEAD_BYTES},
	    {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, STREAM_BYTES},
	};
	nghttp2_session_callbacks *callbacks;
	nghttp2_option *option;
	struct reading *reading;
	int r;

	if (nghttp2_session_callbacks_new(&callbacks) != 0 || nghttp2_option_new(&option) != 0)
		abort();
	callbacks_set(callbacks);
	nghttp2_option_set_no_auto_window_update(option, 1);
	nghttp2_option_set_max_settings(option, 16);
	nghttp2_option_set_max_deflate_dynamic_table_size(option, 4096);
	r = nghttp2_session_client_new2(&upstream->session, callbacks, &upstream->side, option);
	nghttp2_session_callbacks_del(callbacks);
	nghttp2_option_del(option);
	if (r != 0 || (reading = calloc(1, sizeof(*reading))) == NULL)
		abort();
	list_init(&reading->flows);
	upstream->answer = reading;
	upstream->side.fill = fill;
	nghttp2_submit_settings(upstream->session, NGHTTP2_FLAG_NONE, settings, sizeof(settings) / sizeof(settings[0]));
	nghttp2_session_set_local_window_size(upstream->session, NGHTTP2_FLAG_NONE, 0, CONNECTION_BYTES);
}

void
h2_turn(void *self)
{
	struct upstream *upstream = self;
	struct side *side = &upstream->side;
	struct span bytes = bytes_span(&side->in);
	ssize_t n = 0;

	if (upstream->state != UPSTREAM_OPEN)
		return;
	if (bytes.length > 0)
		n = nghttp2_session_mem_recv(upstream->session, (const uint8_t *)bytes.at, bytes.length);
	bytes_take(&side->in, bytes.length);
	side_touch(side);
	if (upstream->state == UPSTREAM_OPEN &&
	    (n < 0 || side->ended || side->broken ||
		(!nghttp2_session_want_read(upstream->session) && !nghttp2_session_want_write(upstream->session))))
		broken(upstream);
}

static void
leave(struct errand *errand)
{
	struct flow *flow = errand->flow;

	part(flow);
	nghttp2_submit_rst_stream(flow->upstream->session, NGHTTP2_FLAG_NONE, flow->stream, NGHTTP2_CANCEL);
	side_touch(&flow->upstream->side);
}

static void
drop(struct upstream *upstream)
{
	struct reading *reading = upstream->answer;
	struct flow *flow;

	nghttp2_session_del(upstream->session);
	list_each(flow, &reading->flows, struct flow, link)
		flow_free(flow);
	free(reading);
}

const struct upstream_kind h2_kind = {
    .start = start, .drop = drop, .errand = {.pump = pump, .resume = resume, .leave = leave}};
