/* Heads of the agent's HTTP/2 requests: pseudo-fields once, fields strictly, all of it bounded. */
#include "common/base/text.h"
#include "sandbox/proxy/h2.h"

#define FIELD_EXTRA 32 /* RFC 9113, 6.5.2 */
#define HTTPS_PORT  443

static bool
take_pseudo(struct exchange *exchange, struct span name, struct span value)
{
	struct http_head *request = &exchange->request;
	struct span kept = exchange_copy(exchange, value);

	if (span_is(name, ":method"))
		request->method = kept;
	else if (span_is(name, ":path"))
		request->target = kept;
	else if (span_is(name, ":authority"))
		request->host = kept;
	else if (!span_is(name, ":scheme") || !span_is(value, "https"))
		return false;
	return kept.length > 0;
}

/* RFC 9113, 8.3.1: after the normalisation of the scheme. */
static bool
same_host(struct span a, struct span b)
{
	struct http_authority one, two;
	struct why why;

	return http_authority_parse(a, &one, &why) == OK && http_authority_parse(b, &two, &why) == OK &&
	       http_authority_is(&two, one.host, one.has_port ? one.port : HTTPS_PORT, HTTPS_PORT);
}

/* What single fields say. */
static bool
take_known(struct http_head *request, const struct http_field *field)
{
	switch (field->known) {
	case HTTP_CONTENT_LENGTH: /* nghttp2 has seen to its form, that it is one, and that the body is as long */
		request->has_length = true;
		return number_parse(field->value, 0, INT64_MAX, &request->length, NULL) == OK;
	case HTTP_TE:
		request->trailers = http_same(field->value, SPAN("trailers"));
		return true;
	case HTTP_EXPECT:
		request->expect_continue = http_same(field->value, SPAN("100-continue"));
		return request->expect_continue;
	case HTTP_HOST:
		if (request->host.length == 0)
			request->host = field->value;
		return same_host(request->host, field->value);
	default:
		return true;
	}
}

static bool
take_field(struct exchange *exchange, struct span name, struct span value, uint8_t flags)
{
	struct http_head *request = &exchange->request;
	struct http_field *field = &request->fields[request->fields_n];

	if (request->fields_n == HTTP_FIELDS_MAX || !http_token(name) || !http_value_ok(value) || !span_utf8(value))
		return false;
	*field = http_field_of(exchange_copy(exchange, name), exchange_copy(exchange, value));
	field->secret = h2_secret(flags);
	request->fields_n++;
	return field->name.length == name.length && field->value.length == value.length && take_known(request, field);
}

int
h2_request_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name, size_t name_length,
    const uint8_t *value, size_t value_length, uint8_t flags, void *self)
{
	struct flow *flow = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
	struct span key = span_of_bytes(name, name_length), word = span_of_bytes(value, value_length);
	struct exchange *exchange;
	bool ok;

	(void)self;
	if (flow == NULL)
		return 0;
	exchange = flow->exchange;
	exchange->head_bytes += name_length + value_length + FIELD_EXTRA;
	if (exchange->head_bytes > H2_LIST_BYTES)
		return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE; /* a bomb: the stream is reset, what follows only kept in step */
	if (exchange->bad || exchange->head_bytes > HTTP_HEAD_BYTES)
		ok = false;
	else if (frame->headers.cat != NGHTTP2_HCAT_REQUEST)
		ok = h2_trailer(flow, key, word, flags);
	else
		ok = key.at[0] == ':' ? take_pseudo(exchange, key, word) : take_field(exchange, key, word, flags);
	exchange->bad |= !ok;
	return 0;
}

int
h2_request_begin(nghttp2_session *session, const nghttp2_frame *frame, void *self)
{
	struct side *side = self;
	struct http *http = side->self;
	struct exchange *exchange;

	http->in_block = true;
	http->block_bytes = 0;
	if (frame->headers.cat != NGHTTP2_HCAT_REQUEST)
		return 0;
	if (http->ending || http->exchanges_n >= STREAMS_MAX) {
		nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, frame->hd.stream_id, NGHTTP2_REFUSED_STREAM);
		return 0;
	}
	exchange = exchange_new(http);
	exchange->front.stream = frame->hd.stream_id;
	exchange->request.minor = 1;
	exchange->request.keep_alive = true;
	nghttp2_session_set_stream_user_data(session, frame->hd.stream_id, &exchange->front);
	return 0;
}

void
h2_request_whole(struct http *http, struct exchange *exchange, bool ended)
{
	struct http_head *request = &exchange->request;
	struct refusal large = {.status = 431, .error = ""};
	struct why why;

	http_limit(http, 0);
	request->body = request->has_length ? HTTP_BODY_LENGTH : ended ? HTTP_BODY_NONE : HTTP_BODY_CHUNKED;
	exchange->request_done = exchange->front.in_ended = ended;
	if (exchange->head_bytes > HTTP_HEAD_BYTES || request->fields_n == HTTP_FIELDS_MAX)
		exchange_refuse(exchange, &large);
	else if (exchange->bad || request->host.length == 0) {
		fail(&why, ERR_SYNTAX, "a field that no request may hold, or no authority");
		ask_reject(exchange, &why);
	} else
		exchange_begin(exchange);
}
