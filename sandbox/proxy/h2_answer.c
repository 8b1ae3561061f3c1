/* Heads of answers that come in HTTP/2. */
#include "common/base/text.h"
#include "sandbox/proxy/h2.h"

static bool
take_field(struct back *back, struct exchange *exchange, struct span name, struct span value, uint8_t flags)
{
	struct http_head *answer = back->answer;
	struct http_field *field = &answer->fields[answer->fields_n];
	uint64_t status = 0;

	if (span_is(name, ":status")) {
		if (number_parse(value, 100, 599, &status, NULL) != OK)
			return false;
		answer->status = (unsigned)status;
		return true;
	}
	if (answer->fields_n == HTTP_FIELDS_MAX || !http_token(name) || !http_value_ok(value))
		return false;
	*field = http_field_of(exchange_copy(exchange, name), exchange_copy(exchange, value));
	field->secret = h2_secret(flags);
	answer->fields_n++;
	if (field->known != HTTP_CONTENT_LENGTH)
		return field->name.length == name.length && field->value.length == value.length;
	answer->has_length = true;
	return number_parse(field->value, 0, INT64_MAX, &answer->length, NULL) == OK;
}

int
h2_answer_begin(nghttp2_session *session, const nghttp2_frame *frame, void *self)
{
	struct side *side = self;
	struct back *back = side->self;

	(void)session, (void)frame;
	memset(back->answer, 0, offsetof(struct http_head, fields));
	back->answer_bytes = 0;
	back->answer_bad = false;
	return 0;
}

int
h2_answer_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name, size_t name_length,
    const uint8_t *value, size_t value_length, uint8_t flags, void *self)
{
	struct flow *flow = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
	struct span key = span_of_bytes(name, name_length), word = span_of_bytes(value, value_length);
	struct side *side = self;
	struct back *back = side->self;

	if (flow == NULL)
		return 0;
	back->answer_bytes += name_length + value_length;
	if (back->answer_bytes > H2_LIST_BYTES)
		return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE; /* as in h2_request.c */
	if (back->answer_bytes > HTTP_HEAD_BYTES)
		back->answer_bad = true;
	else if (flow->head_done)
		back->answer_bad |= !h2_trailer(flow, key, word, flags);
	else
		back->answer_bad |= !take_field(back, flow->exchange, key, word, flags);
	return 0;
}

void
h2_answer_whole(struct back *back, struct flow *flow, bool ended)
{
	struct exchange *exchange = flow->exchange;
	struct http_head *answer = back->answer;
	bool without = exchange->head || answer->status == 204 || answer->status == 304;
	struct why why;

	if (back->answer_bad || answer->status == 101 || answer->status == 0) {
		exchange_failed(exchange, fail(&why, ERR_PROTOCOL, "a malformed answer"), &why);
		return;
	}
	if (answer->status < 200) {
		exchange_answer(exchange, answer);
		return;
	}
	flow->head_done = true;
	answer->has_length &= answer->status != 204;
	if (ended && !without) {
		answer->has_length = true;
		answer->length = 0;
	}
	answer->body = without ? HTTP_BODY_NONE : answer->has_length ? HTTP_BODY_LENGTH : HTTP_BODY_CHUNKED;
	exchange_answer(exchange, answer);
}
