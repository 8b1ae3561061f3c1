/* HTTP/2: what the agent's and the upstream session have in common. */
#include "sandbox/proxy/h2.h"

#include "common/base/clock.h"

#define FRAME_HEAD    9
#define PRICE	      1000 /* of a frame that leads nowhere */
#define PRICE_UPDATE  20
#define UPDATE_BYTES  1024 /* of a body, that one WINDOW_UPDATE is good for at least */
#define BUDGET_FRAMES 500  /* that lead nowhere, at once */
#define BUDGET_SECOND 50   /* and each second */

/* ---- fields ---- */

static void
add(struct h2_fields *fields, struct span name, struct span value, uint8_t flags)
{
	char *to = fields->names + fields->names_used;

	if (fields->n == H2_FIELDS || name.length > sizeof(fields->names) - fields->names_used)
		return; /* what is read is bounded below that */
	for (size_t i = 0; i < name.length; i++)
		to[i] = name.at[i] >= 'A' && name.at[i] <= 'Z' ? (char)(name.at[i] | 0x20) : name.at[i];
	fields->names_used += name.length;
	fields->nv[fields->n++] = (nghttp2_nv){.name = (uint8_t *)to,
	    .namelen = name.length,
	    .value = (uint8_t *)(uintptr_t)(value.length == 0 ? "" : value.at),
	    .valuelen = value.length,
	    .flags = flags};
}

void
h2_field_add(struct h2_fields *fields, struct span name, struct span value)
{
	add(fields, name, value, NGHTTP2_NV_FLAG_NONE);
}

void
h2_fields_add(struct h2_fields *fields, const struct http_field *from, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!from[i].hop && from[i].known != HTTP_HOST)
			add(fields, from[i].name, from[i].value,
			    from[i].secret ? NGHTTP2_NV_FLAG_NO_INDEX : NGHTTP2_NV_FLAG_NONE);
}

bool
h2_trailer(struct flow *flow, struct span name, struct span value, uint8_t flags)
{
	struct http_field *fields = flow->trailers_in;

	if (fields == NULL && (fields = exchange_alloc(flow->exchange, HTTP_TRAILERS_MAX * sizeof(*fields))) == NULL)
		return false;
	flow->trailers_in = fields;
	if (flow->trailers_in_n == HTTP_TRAILERS_MAX || !http_token(name) || !http_value_ok(value))
		return false;
	fields[flow->trailers_in_n] =
	    http_trailer_of(exchange_copy(flow->exchange, name), exchange_copy(flow->exchange, value));
	fields[flow->trailers_in_n++].secret = h2_secret(flags);
	return true;
}

/* ---- bodies ---- */

static void
trailers_submit(nghttp2_session *session, struct flow *flow)
{
	struct h2_fields fields;

	fields.n = fields.names_used = 0;
	h2_fields_add(&fields, flow->trailers_out, flow->trailers_out_n);
	if (nghttp2_submit_trailer(session, flow->stream, fields.nv, fields.n) != 0)
		nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, flow->stream, NGHTTP2_INTERNAL_ERROR);
}

static ssize_t
flow_read(nghttp2_session *session, int32_t stream, uint8_t *to, size_t room, uint32_t *flags,
    nghttp2_data_source *source, void *self)
{
	struct flow *flow = nghttp2_session_get_stream_user_data(session, stream);
	size_t n;

	(void)to, (void)source, (void)self;
	if (flow == NULL)
		return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
	n = bytes_length(&flow->out) < room ? bytes_length(&flow->out) : room;
	if (!flow->out_ended && (n == 0 || (flow->counted && n == flow->left))) {
		flow->deferred = true;
		return NGHTTP2_ERR_DEFERRED;
	}
	*flags |= NGHTTP2_DATA_FLAG_NO_COPY;
	if (n == bytes_length(&flow->out) && flow->out_ended) {
		*flags |= NGHTTP2_DATA_FLAG_EOF;
		if (flow->trailers_out_n > 0) {
			*flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
			trailers_submit(session, flow);
		}
	}
	return (ssize_t)n;
}

static int
send_data(nghttp2_session *session, nghttp2_frame *frame, const uint8_t *head, size_t length,
    nghttp2_data_source *source, void *self)
{
	struct flow *flow = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
	struct side *side = self;

	(void)source;
	if (flow == NULL)
		return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
	if (bytes_length(&side->out) >= SIDE_OUT_BYTES)
		return NGHTTP2_ERR_WOULDBLOCK;
	bytes_add(&side->out, span_of_bytes(head, FRAME_HEAD));
	bytes_add(&side->out, span_head(bytes_span(&flow->out), length));
	bytes_take(&flow->out, length);
	flow->left -= length < flow->left ? length : flow->left;
	return 0;
}

nghttp2_data_provider
h2_provider(struct flow *flow)
{
	return (nghttp2_data_provider){.source = {.ptr = flow}, .read_callback = flow_read};
}

size_t
h2_room(struct flow *flow)
{
	size_t waiting = bytes_length(&flow->out);

	if (waiting < STREAM_OUT_BYTES)
		return STREAM_OUT_BYTES - waiting;
	flow->starved = true;
	return 0;
}

bool
h2_relieved(struct flow *flow)
{
	if (!flow->starved || bytes_length(&flow->out) > STREAM_OUT_BYTES / 2)
		return false;
	flow->starved = false;
	return true;
}

static void
resume(nghttp2_session *session, struct flow *flow)
{
	if (flow->deferred)
		nghttp2_session_resume_data(session, flow->stream);
	flow->deferred = false;
}

void
h2_body(nghttp2_session *session, struct flow *flow, struct span bytes)
{
	bytes_add(&flow->out, bytes);
	resume(session, flow);
}

void
h2_end(nghttp2_session *session, struct flow *flow, const struct http_field *trailers, size_t n)
{
	if (flow->out_ended)
		return;
	flow->out_ended = true;
	if (!exchange_trailers(flow->exchange, trailers, n, &flow->trailers_out, &flow->trailers_out_n))
		nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, flow->stream, NGHTTP2_INTERNAL_ERROR);
	resume(session, flow);
}

/* ---- sessions ---- */

static int
invalid_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name, size_t name_length,
    const uint8_t *value, size_t value_length, uint8_t flags, void *self)
{
	(void)session, (void)frame, (void)name, (void)name_length, (void)value, (void)value_length, (void)flags,
	    (void)self;
	return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE; /* the stream is reset; by default the field would just be dropped */
}

void
h2_begin(nghttp2_session_callbacks **callbacks, nghttp2_option **option)
{
	if (nghttp2_session_callbacks_new(callbacks) != 0 || nghttp2_option_new(option) != 0)
		abort();
	nghttp2_session_callbacks_set_send_data_callback(*callbacks, send_data);
	nghttp2_session_callbacks_set_on_invalid_header_callback(*callbacks, invalid_header);
	nghttp2_option_set_no_auto_window_update(*option, 1);
	nghttp2_option_set_max_outbound_ack(*option, 2 * BUDGET_FRAMES); /* so that whoever floods is told so */
	nghttp2_option_set_max_settings(*option, 16);
	nghttp2_option_set_max_deflate_dynamic_table_size(*option, 4096);
}

void
h2_begun(nghttp2_session_callbacks *callbacks, nghttp2_option *option)
{
	nghttp2_session_callbacks_del(callbacks);
	nghttp2_option_del(option);
}

void
h2_fill(struct side *side, nghttp2_session *session)
{
	const uint8_t *bytes;
	ssize_t n = 0;

	while (bytes_length(&side->out) < SIDE_OUT_BYTES && (n = nghttp2_session_mem_send(session, &bytes)) > 0)
		bytes_add(&side->out, span_of_bytes(bytes, (size_t)n));
	if (n < 0)
		side->broken = true;
}

bool
h2_finished(const struct side *side, nghttp2_session *session)
{
	return bytes_length(&side->out) == 0 && !nghttp2_session_want_read(session) &&
	       !nghttp2_session_want_write(session);
}

int64_t
h2_sent(nghttp2_session *session, const nghttp2_frame *frame)
{
	uint32_t code = frame->hd.type == NGHTTP2_RST_STREAM ? frame->rst_stream.error_code : NGHTTP2_NO_ERROR;

	if (frame->hd.type == NGHTTP2_DATA && frame->hd.length > 0)
		return -PRICE - (int64_t)frame->hd.length * PRICE_UPDATE / UPDATE_BYTES;
	if (code == NGHTTP2_FLOW_CONTROL_ERROR)
		nghttp2_session_terminate_session(session, NGHTTP2_FLOW_CONTROL_ERROR);
	return code == NGHTTP2_NO_ERROR || code == NGHTTP2_CANCEL ? 0 : PRICE;
}

/* ---- floods ---- */

void
h2_budget_open(struct h2_budget *budget)
{
	*budget = (struct h2_budget){.left = BUDGET_FRAMES * PRICE, .ms = clock_ms()};
}

int64_t
h2_price(const nghttp2_frame *came)
{
	switch (came->hd.type) {
	case NGHTTP2_PING:
	case NGHTTP2_SETTINGS:
	case NGHTTP2_PRIORITY:
	case NGHTTP2_RST_STREAM:
		return PRICE;
	case NGHTTP2_DATA:
		return came->hd.length == came->data.padlen && (came->hd.flags & NGHTTP2_FLAG_END_STREAM) == 0 ? PRICE
													       : 0;
	case NGHTTP2_WINDOW_UPDATE:
		return PRICE_UPDATE;
	default:
		return 0;
	}
}

bool
h2_pay(struct h2_budget *budget, int64_t price)
{
	uint64_t now = clock_ms();

	budget->left += (int64_t)(now - budget->ms) * BUDGET_SECOND - price;
	budget->ms = now;
	if (budget->left > BUDGET_FRAMES * PRICE)
		budget->left = BUDGET_FRAMES * PRICE;
	return budget->left >= 0;
}

bool
h2_take(struct side *side, nghttp2_session *session)
{
	struct span bytes = bytes_span(&side->in);
	ssize_t n = bytes.length == 0 ? 0 : nghttp2_session_mem_recv(session, (const uint8_t *)bytes.at, bytes.length);

	bytes_take(&side->in, bytes.length);
	side_touch(side);
	return n >= 0 && (nghttp2_session_want_read(session) || nghttp2_session_want_write(session));
}
