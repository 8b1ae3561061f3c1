/* Upstream in HTTP/2: many exchanges over one connection. */
#include <stdio.h>
#include <stdlib.h>

#include "sandbox/proxy/h2.h"

#define CONNECTION_BYTES                                                                                               \
	(4 << 20) /* its window: as much is held of answers that the agent does not read, on all streams */

/* ---- the request ---- */

static struct span
authority_of(const struct connection *connection, char *room, size_t size)
{
	bool v6 = strchr(connection->host, ':') != NULL;
	int n = snprintf(room, size, connection->port == (connection->tls ? 443 : 80) ? "%s%s%s" : "%s%s%s:%u",
	    v6 ? "[" : "", connection->host, v6 ? "]" : "", connection->port);

	return span_of_bytes(room, (size_t)n);
}

static struct span
path_of(struct exchange *exchange)
{
	const struct http_target *target = &exchange->target;
	size_t length = target->path.length + 1 + target->query.length;
	char *room;

	if (!target->has_query || (room = exchange_alloc(exchange, length)) == NULL)
		return target->path;
	memcpy(room, target->path.at, target->path.length);
	room[target->path.length] = '?';
	if (target->query.length > 0)
		memcpy(room + target->path.length + 1, target->query.at, target->query.length);
	return span_of_bytes(room, length);
}

static void
framing_add(struct h2_fields *fields, const struct exchange *exchange, char *room, size_t size)
{
	const struct http_head *request = &exchange->request;
	size_t length = exchange->collected_whole ? bytes_length(&exchange->collected) : request->length;

	snprintf(room, size, "%zu", length);
	if (exchange->collected_whole || request->body == HTTP_BODY_LENGTH)
		h2_field_add(fields, SPAN("content-length"), span_of_text(room));
	if (request->expect_continue)
		h2_field_add(fields, SPAN("expect"), SPAN("100-continue"));
	if (request->trailers)
		h2_field_add(fields, SPAN("te"), SPAN("trailers"));
}

static bool
start(struct back *back, struct exchange *exchange)
{
	const struct connection *connection = back->http->connection;
	nghttp2_data_provider provider = h2_provider(&exchange->upstream);
	struct h2_fields fields;
	char authority[300], length[24];
	bool empty = exchange_empty(exchange);

	fields.n = fields.names_used = 0;
	h2_field_add(&fields, SPAN(":method"), exchange->request.method);
	h2_field_add(&fields, SPAN(":scheme"), connection->tls ? SPAN("https") : SPAN("http"));
	h2_field_add(&fields, SPAN(":authority"), authority_of(connection, authority, sizeof(authority)));
	h2_field_add(&fields, SPAN(":path"), path_of(exchange));
	h2_fields_add(&fields, exchange->request.fields, exchange->request.fields_n);
	framing_add(&fields, exchange, length, sizeof(length));
	exchange->upstream = (struct flow){.exchange = exchange, .out_ended = empty};
	exchange->upstream.stream = nghttp2_submit_request(
	    back->session, NULL, fields.nv, fields.n, empty ? NULL : &provider, &exchange->upstream);
	if (exchange->upstream.stream < 0) {
		exchange->upstream.stream = 0;
		return false;
	}
	back->streams++;
	side_touch(&back->side);
	return true;
}

static size_t
room(struct exchange *exchange)
{
	return h2_room(&exchange->upstream);
}

static void
body(struct exchange *exchange, struct span bytes)
{
	h2_body(exchange->back->session, &exchange->upstream, bytes);
	side_touch(&exchange->back->side);
}

static void
end(struct exchange *exchange, const struct http_field *trailers, size_t n)
{
	h2_end(exchange->back->session, &exchange->upstream, trailers, n);
	side_touch(&exchange->back->side);
}

static void
leave(struct exchange *exchange)
{
	struct back *back = exchange->back;
	struct flow *flow = &exchange->upstream;

	nghttp2_session_consume_connection(back->session, bytes_length(&flow->in));
	bytes_free(&flow->in);
	if (flow->stream == 0)
		return;
	nghttp2_session_set_stream_user_data(back->session, flow->stream, NULL);
	if (!flow->in_ended || !flow->out_ended || bytes_length(&flow->out) > 0)
		nghttp2_submit_rst_stream(back->session, NGHTTP2_FLAG_NONE, flow->stream, NGHTTP2_CANCEL);
	flow->stream = 0;
	if (back->side.leg != NULL)
		side_touch(&back->side);
}

/* ---- the answer ---- */

/* All of the answer came: pass on what waits, then its end. */
static void
drain(struct exchange *exchange)
{
	const struct front *front = exchange->http->front;
	struct flow *flow = &exchange->upstream;
	size_t most;

	while (bytes_length(&flow->in) > 0 && (most = front->room(exchange)) > 0) {
		struct span bytes = span_head(bytes_span(&flow->in), most);

		if (flow->stream != 0)
			nghttp2_session_consume_stream(exchange->back->session, flow->stream, bytes.length);
		nghttp2_session_consume_connection(exchange->back->session, bytes.length);
		bytes_take(&flow->in, bytes.length);
		front->body(exchange, bytes);
	}
	side_touch(&exchange->back->side);
	if (bytes_length(&flow->in) == 0 && flow->in_ended)
		exchange_answer_end(exchange, flow->trailers_in, flow->trailers_in_n);
}

/* As the agent pays: a server that only makes us work is left. */
static void
pay(struct back *back, int64_t price)
{
	if (h2_pay(&back->budget, price) || back->going)
		return;
	back->going = true;
	nghttp2_session_terminate_session(back->session, NGHTTP2_ENHANCE_YOUR_CALM);
}

static int
on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *self)
{
	struct side *side = self;
	struct back *back = side->self;
	bool ended = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
	struct flow *flow =
	    frame->hd.stream_id == 0 ? NULL : nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);

	pay(back, h2_price(frame));
	if (frame->hd.type == NGHTTP2_GOAWAY)
		back->going = true;
	if (flow == NULL || (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA))
		return 0;
	flow->in_ended |= ended;
	if (frame->hd.type == NGHTTP2_HEADERS && !flow->head_done)
		h2_answer_whole(back, flow, ended);
	if (flow->in_ended && flow->stream != 0 && flow->exchange->back == back)
		drain(flow->exchange);
	return 0;
}

static int
on_data(nghttp2_session *session, uint8_t flags, int32_t stream, const uint8_t *data, size_t length, void *self)
{
	struct flow *flow = nghttp2_session_get_stream_user_data(session, stream);

	(void)flags, (void)self;
	if (flow == NULL) {
		nghttp2_session_consume_connection(session, length);
		return 0;
	}
	bytes_add(&flow->in, span_of_bytes(data, length)); /* bounded by the stream's window and the connection's */
	drain(flow->exchange);
	return 0;
}

/* Its stream is closed; what is here of a whole answer still goes to the agent. */
static void
stream_gone(struct exchange *exchange, uint32_t error)
{
	struct flow *flow = &exchange->upstream;
	struct why why;

	flow->stream = 0;
	if (flow->in_ended)
		return;
	fail(&why, ERR_UNAVAILABLE, "the server reset the stream: %s", nghttp2_http2_strerror(error));
	if (error == NGHTTP2_REFUSED_STREAM)
		exchange_retry(exchange, &why);
	else
		exchange_failed(exchange, ERR_UNAVAILABLE, &why);
}

static int
on_close(nghttp2_session *session, int32_t stream, uint32_t error, void *self)
{
	struct flow *flow = nghttp2_session_get_stream_user_data(session, stream);
	struct side *side = self;
	struct back *back = side->self;

	back->streams--;
	if (flow != NULL) {
		nghttp2_session_set_stream_user_data(session, stream, NULL);
		stream_gone(flow->exchange, error);
	}
	if (back->state != BACK_OPEN)
		return 0;
	if (back->streams == 0 && back->going)
		pool_dead(back);
	else if (back->streams == 0)
		pool_idle(back);
	else
		pool_room(back);
	return 0;
}

/* ---- the session ---- */

/* An exchange that this connection leaves without the end of its answer. */
static struct exchange *
orphan(struct back *back)
{
	struct exchange *exchange;

	list_each(exchange, &back->http->exchanges, struct exchange, link)
		if (exchange->back == back && !exchange->upstream.in_ended)
			return exchange;
	return NULL;
}

/* The connection is gone, and with it all that it carried. */
static void
broken(struct back *back)
{
	struct exchange *exchange;
	struct why why;

	pool_dead(back);
	fail(&why, ERR_UNAVAILABLE, "the server ended the connection");
	while ((exchange = orphan(back)) != NULL) {
		if (exchange->upstream.head_done || !back->used)
			exchange_failed(exchange, ERR_UNAVAILABLE, &why);
		else
			exchange_retry(exchange, &why);
	}
}

/* An exchange whose body may go on. Looked for again each time: the list may have changed. */
static struct exchange *
relieved(struct back *back)
{
	struct exchange *exchange;

	list_each(exchange, &back->http->exchanges, struct exchange, link)
		if (exchange->back == back && h2_relieved(&exchange->upstream))
			return exchange;
	return NULL;
}

static int
on_sent(nghttp2_session *session, const nghttp2_frame *frame, void *self)
{
	struct side *side = self;

	pay(side->self, h2_sent(session, frame));
	return 0;
}

static void
fill(struct side *side)
{
	struct back *back = side->self;
	struct exchange *exchange;

	h2_fill(side, back->session);
	while ((exchange = relieved(back)) != NULL)
		exchange_pump(exchange);
	if (back->state == BACK_OPEN && h2_finished(side, back->session))
		broken(back);
}

enum err
h2_back_open(struct back *back)
{
	static const nghttp2_settings_entry settings[] = {
	    {NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
	    {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, HTTP_HEAD_BYTES},
	    {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, STREAM_BACK_BYTES},
	};
	nghttp2_session_callbacks *callbacks;
	nghttp2_option *option;
	int r;

	h2_begin(&callbacks, &option);
	nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, h2_answer_begin);
	nghttp2_session_callbacks_set_on_header_callback(callbacks, h2_answer_header);
	nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
	nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, on_sent);
	nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_close);
	r = nghttp2_session_client_new2(&back->session, callbacks, &back->side, option);
	h2_begun(callbacks, option);
	if (r != 0)
		return ERR_INTERNAL;
	if ((back->answer = malloc(sizeof(*back->answer))) == NULL)
		abort();
	back->side.fill = fill;
	h2_budget_open(&back->budget);
	nghttp2_submit_settings(back->session, NGHTTP2_FLAG_NONE, settings, sizeof(settings) / sizeof(settings[0]));
	nghttp2_session_set_local_window_size(back->session, NGHTTP2_FLAG_NONE, 0, CONNECTION_BYTES);
	return OK;
}

/* A request beyond the server's own limit would wait within the session, maybe behind an answer that never ends. */
bool
h2_back_takes_more(const struct back *back)
{
	return back->streams < STREAMS_MAX && back->streams < nghttp2_session_get_remote_settings(back->session,
								  NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
}

void
h2_back_turn(void *self)
{
	struct back *back = self;

	if (back->state != BACK_OPEN || back->http->over)
		return;
	if (!h2_take(&back->side, back->session) || back->side.ended || back->side.broken)
		broken(back);
}

static void
drop(struct back *back)
{
	nghttp2_session_del(back->session);
	free(back->answer);
}

const struct back_kind h2_back = {
    .start = start,
    .room = room,
    .body = body,
    .end = end,
    .resume = drain,
    .leave = leave,
    .drop = drop,
};
