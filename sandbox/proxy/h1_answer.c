/* Answers to the agent in HTTP/1: the head, and how its body is delimited. */
#include "common/base/text.h"
#include "sandbox/proxy/http.h"

static void
status_write(struct side *side, const struct http_head *answer)
{
	char bytes[32];
	struct text line = TEXT_OF(bytes);

	text_add_span(&line, SPAN("HTTP/1.1 "));
	text_add_number(&line, answer->status);
	text_add_span(&line, SPAN(" "));
	side_write(side, text_span(&line));
	side_write(side, answer->reason.length == 0 ? span_of_text(refusal_words(answer->status)) : answer->reason);
	side_write(side, SPAN("\r\n"));
	h1_head_write(side, answer);
}

/* How the body is delimited for the agent, and whether the connection goes on behind it. */
static void
framing_write(struct exchange *exchange, const struct http_head *answer)
{
	struct side *side = &exchange->http->agent;
	bool unknown = answer->body == HTTP_BODY_CHUNKED || answer->body == HTTP_BODY_CLOSE;

	exchange->answer_chunked = unknown && exchange->request.minor > 0;
	exchange->answer_last |=
	    exchange->http->ending || !exchange->request.keep_alive || (unknown && exchange->request.minor == 0);
	if (exchange->answer_chunked)
		side_write(side, SPAN("Transfer-Encoding: chunked\r\n"));
	else if (answer->has_length)
		h1_length_write(side, answer->length);
	if (exchange->answer_last)
		side_write(side, SPAN("Connection: close\r\n"));
	else if (exchange->request.minor == 0)
		side_write(side, SPAN("Connection: keep-alive\r\n"));
}

void
h1_answer_write(struct exchange *exchange, const struct http_head *answer)
{
	struct side *side = &exchange->http->agent;

	if (answer->status < 200 && answer->status != 101 && exchange->request.minor == 0)
		return; /* RFC 9110, 15.2 */
	status_write(side, answer);
	if (answer->status == 101) {
		side_write(side, SPAN("Connection: Upgrade\r\nUpgrade: "));
		side_write(side, answer->upgrade);
		side_write(side, SPAN("\r\n"));
	} else if (answer->status >= 200)
		framing_write(exchange, answer);
	side_write(side, SPAN("\r\n"));
}
