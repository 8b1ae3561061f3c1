/* Replies: small, so that they fit into the socket's buffer; one that does not is cut off by the close behind it. */
#include "sandbox/proxy/reply.h"

#include "sandbox/proxy/refusal.h"

#define REPLY_BYTES (REFUSAL_BYTES + 512)

static void
reply(struct leg *leg, unsigned status, const char *type, struct span body)
{
	char bytes[REPLY_BYTES];
	struct text text = TEXT_OF(bytes);
	struct why why;
	size_t put;

	text_add(&text, "HTTP/1.1 %u %s\r\n", status, refusal_words(status));
	if (type != NULL)
		text_add(&text, "Content-Type: %s\r\n", type);
	text_add(&text, "Content-Length: %zu\r\nConnection: close\r\n\r\n", body.length);
	text_add_span(&text, body);
	if (leg_write(leg, bytes, text.length, &put, &why) != OK)
		return; /* there is nobody left to tell */
}

void
reply_empty(struct leg *leg, unsigned status)
{
	reply(leg, status, NULL, SPAN_NONE);
}

void
reply_text(struct leg *leg, unsigned status, const char *text)
{
	reply(leg, status, "text/plain; charset=utf-8", span_of_text(text));
}

void
reply_error(struct leg *leg, unsigned status, const char *error, struct span detail, struct span reason)
{
	const struct refusal refusal = {.status = status, .error = error, .detail = detail, .reason = reason};
	char bytes[REFUSAL_BYTES];
	struct text body = TEXT_OF(bytes);

	refusal_body(&refusal, &body);
	reply(leg, status, "application/json", text_span(&body));
}
