/* The agent's side in HTTP/2: each stream an exchange; strict heads, bounded memory, no patience for floods. */
#include <stdio.h>

#include "sandbox/proxy/event.h"
#include "sandbox/proxy/h2.h"

#define BLOCK_BYTES (128u << 10) /* that may come before a header block is whole: more is a flood of CONTINUATION */

/* ---- bodies ---- */

/* Does its state take a body, be it with or without room just now? */
static bool
takes(const struct exchange *exchange)
{
	return exchange->state == EXCHANGE_SENT || exchange->state == EXCHANGE_COLLECTING ||
	       exchange->state == EXCHANGE_REFUSED;
}

/* Pass on what came and waits. */
static void
drain(struct exchange *exchange)
{
	struct http *http = exchange->http;
	struct flow *flow = &exchange->front;
	size_t room;

	while (bytes_length(&flow->in) > 0 && (room = exchange_room(exchange)) > 0) {
		struct span bytes = span_head(bytes_span(&flow->in), room);

		nghttp2_session_consume_stream(http->session, flow->stream, bytes.length);
		bytes_take(&flow->in, bytes.length);
		exchange_body(exchange, bytes);
	}
	if (bytes_length(&flow->in) == 0 && flow->in_ended && !exchange->request_done && takes(exchange))
		exchange_body_end(exchange, flow->trailers_in, flow->trailers_in_n);
	side_touch(&http->agent);
}

static int
on_data(nghttp2_session *session, uint8_t flags, int32_t stream, const uint8_t *data, size_t length, void *self)
{
	struct flow *flow = nghttp2_session_get_stream_user_data(session, stream);

	(void)flags, (void)self;
	nghttp2_session_consume_connection(session, length);
	if (flow == NULL)
		return 0;
	bytes_add(&flow->in, span_of_bytes(data, length)); /* bounded by the stream's window */
	drain(flow->exchange);
	return 0;
}

/* ---- frames ---- */

/* What comes is paid for; whoever has nothing left is ended. */
static void
pay(struct http *http, int64_t price)
{
	if (h2_pay(&http->budget, price) || http->ending)
		return;
	http->ending = true;
	http_over(http); /* behind the GOAWAY */
	http_event(
	    http, NULL, NULL, EVENT_DENIED, SPAN_NONE, SPAN_NONE, SPAN("flood"), SPAN("frames that lead nowhere"));
	nghttp2_session_terminate_session(http->session, NGHTTP2_ENHANCE_YOUR_CALM);
}

/* Was the number passed over when a higher one was used (RFC 9113, 5.1.1)? nghttp2 forgets which were. */
static bool
passed_over(struct http *http, int32_t stream)
{
	if (stream > http->highest) {
		if (stream > http->highest + 2) {
			size_t at = http->unused_n++ % UNUSED_MAX;

			http->unused[at].first = http->highest + 1;
			http->unused[at].last = stream - 1;
		}
		http->highest = stream;
		return false;
	}
	for (size_t i = 0; i < http->unused_n && i < UNUSED_MAX; i++)
		if (stream >= http->unused[i].first && stream <= http->unused[i].last)
			return true;
	return false;
}

static int
on_begin(nghttp2_session *session, const nghttp2_frame_hd *hd, void *self)
{
	struct side *side = self;
	struct http *http = side->self;

	if (hd->type != NGHTTP2_HEADERS || hd->stream_id % 2 == 0 || !passed_over(http, hd->stream_id) || http->ending)
		return 0;
	http->ending = true;
	http_over(http); /* behind the GOAWAY */
	nghttp2_session_terminate_session(session, NGHTTP2_PROTOCOL_ERROR);
	return 0;
}

static int
on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *self)
{
	struct side *side = self;
	struct http *http = side->self;
	bool ended = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
	struct flow *flow =
	    frame->hd.stream_id == 0 ? NULL : nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);

	pay(http, h2_price(frame));
	if (frame->hd.type == NGHTTP2_HEADERS)
		http->in_block = false;
	if (flow == NULL || (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA))
		return 0;
	if (frame->hd.type == NGHTTP2_HEADERS && frame->headers.cat == NGHTTP2_HCAT_REQUEST) {
		h2_request_whole(http, flow->exchange, ended);
		return 0;
	}
	if (flow->exchange->bad)
		nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, frame->hd.stream_id, NGHTTP2_PROTOCOL_ERROR);
	else if (ended) {
		flow->in_ended = true;
		drain(flow->exchange);
	}
	return 0;
}

static bool
is_short(const struct http_head *request)
{
	return request->has_length && request->length <= UNWANTED_MAX;
}

/*
 * The answer is whole before its request: that is not wanted any more. Where it is short it may still come: a client that
 * is busy sending takes the reset that RFC 9113, 8.1 allows for a failure, and never looks at the answer (curl before 8.7).
 */
static int
on_sent(nghttp2_session *session, const nghttp2_frame *frame, void *self)
{
	struct side *side = self;
	struct flow *flow;

	pay(side->self, h2_sent(session, frame));
	if ((frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA) ||
	    (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) == 0)
		return 0;
	flow = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
	if (flow != NULL && !flow->in_ended && !is_short(&flow->exchange->request))
		nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, frame->hd.stream_id, NGHTTP2_NO_ERROR);
	return 0;
}

static int
on_close(nghttp2_session *session, int32_t stream, uint32_t error, void *self)
{
	struct flow *flow = nghttp2_session_get_stream_user_data(session, stream);
	struct side *side = self;
	struct http *http = side->self;

	(void)error;
	http->in_block = false;
	if (flow == NULL)
		return 0;
	nghttp2_session_set_stream_user_data(session, stream, NULL);
	exchange_gone(flow->exchange);
	if (http->exchanges_n == 0)
		http_limit(http, HTTP_IDLE_MS);
	return 0;
}

/* ---- the session ---- */

/* An exchange whose answer may go on. Looked for again each time: the list may have changed. */
static struct exchange *
relieved(struct http *http)
{
	struct exchange *exchange;

	list_each(exchange, &http->exchanges, struct exchange, link)
		if (exchange->back != NULL && h2_relieved(&exchange->front))
			return exchange;
	return NULL;
}

static void
fill(struct side *side)
{
	struct http *http = side->self;
	struct exchange *exchange;

	h2_fill(side, http->session);
	while ((exchange = relieved(http)) != NULL)
		exchange->back->kind->resume(exchange);
	if (h2_finished(side, http->session))
		http_over(http);
}

enum err
h2_front_open(struct http *http)
{
	static const nghttp2_settings_entry settings[] = {
	    {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, STREAMS_MAX},
	    {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, HTTP_HEAD_BYTES},
	    {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, STREAM_AGENT_BYTES},
	};
	nghttp2_session_callbacks *callbacks;
	nghttp2_option *option;
	int r;

	h2_begin(&callbacks, &option);
	nghttp2_session_callbacks_set_on_begin_frame_callback(callbacks, on_begin);
	nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, h2_request_begin);
	nghttp2_session_callbacks_set_on_header_callback(callbacks, h2_request_header);
	nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
	nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, on_sent);
	nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_close);
	r = nghttp2_session_server_new2(&http->session, callbacks, &http->agent, option);
	h2_begun(callbacks, option);
	if (r != 0)
		return ERR_INTERNAL;
	h2_budget_open(&http->budget);
	http->agent.fill = fill;
	nghttp2_submit_settings(http->session, NGHTTP2_FLAG_NONE, settings, sizeof(settings) / sizeof(settings[0]));
	return OK;
}

void
h2_front_turn(void *self)
{
	struct http *http = self;
	size_t came = bytes_length(&http->agent.in);

	if (http->over)
		return;
	if (!h2_take(&http->agent, http->session)) {
		http->ending = true; /* nghttp2 says why in a GOAWAY, which is still written */
		if (http->exchanges_n > 0 || http->session == NULL)
			http_over(http);
	}
	if (http->in_block)
		http_limit(http, HTTP_HEAD_MS);
	else if (http->exchanges_n > 0)
		http_limit(http, 0);
	http->block_bytes = http->in_block ? http->block_bytes + came : 0;
	if (http->agent.ended || http->agent.broken || http->block_bytes > BLOCK_BYTES)
		http_over(http);
}

/* ---- answers ---- */

static bool
turn_of(struct exchange *exchange)
{
	(void)exchange;
	return true;
}

static void
front_head(struct exchange *exchange, const struct http_head *answer)
{
	nghttp2_session *session = exchange->http->session;
	struct flow *flow = &exchange->front;
	nghttp2_data_provider provider = h2_provider(flow);
	struct h2_fields fields;
	char status[4], length[24];
	int r;

	fields.n = fields.names_used = 0;
	snprintf(status, sizeof(status), "%03u", answer->status % 1000);
	h2_field_add(&fields, SPAN(":status"), span_of_text(status));
	h2_fields_add(&fields, answer->fields, answer->fields_n);
	snprintf(length, sizeof(length), "%llu", (unsigned long long)answer->length);
	if (answer->has_length)
		h2_field_add(&fields, SPAN("content-length"), span_of_text(length));
	if (answer->status < 200)
		r = nghttp2_submit_headers(session, NGHTTP2_FLAG_NONE, flow->stream, NULL, fields.nv, fields.n, NULL);
	else {
		flow->counted = answer->has_length;
		flow->left = answer->length;
		flow->out_ended = answer->body == HTTP_BODY_NONE || (answer->has_length && answer->length == 0);
		r = nghttp2_submit_response(
		    session, flow->stream, fields.nv, fields.n, flow->out_ended ? NULL : &provider);
	}
	if (r != 0 && r != NGHTTP2_ERR_DATA_EXIST)
		nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, flow->stream, NGHTTP2_INTERNAL_ERROR);
	side_touch(&exchange->http->agent);
}

static size_t
front_room(struct exchange *exchange)
{
	return h2_room(&exchange->front);
}

static void
front_body(struct exchange *exchange, struct span bytes)
{
	h2_body(exchange->http->session, &exchange->front, bytes);
	side_touch(&exchange->http->agent);
}

static void
front_end(struct exchange *exchange, const struct http_field *trailers, size_t n)
{
	h2_end(exchange->http->session, &exchange->front, trailers, n);
	side_touch(&exchange->http->agent);
}

static void
front_broken(struct exchange *exchange)
{
	exchange->state = EXCHANGE_REFUSED;
	nghttp2_submit_rst_stream(
	    exchange->http->session, NGHTTP2_FLAG_NONE, exchange->front.stream, NGHTTP2_INTERNAL_ERROR);
	side_touch(&exchange->http->agent);
}

/* Its stream closes when all is sent: then it is gone. */
static void
front_over(struct exchange *exchange)
{
	drain(exchange);
}

static void
front_goodbye(struct http *http)
{
	nghttp2_session_terminate_session(http->session, NGHTTP2_NO_ERROR);
	side_touch(&http->agent);
}

static void
front_drop(struct http *http)
{
	nghttp2_session_del(http->session);
	http->session = NULL;
}

/* clang-format off */
const struct front h2_front = {
	.turn_of = turn_of,
	.head = front_head,
	.room = front_room,
	.body = front_body,
	.end = front_end,
	.broken = front_broken,
	.resume = drain,
	.over = front_over,
	.goodbye = front_goodbye,
	.drop = front_drop,
};
/* clang-format on */
