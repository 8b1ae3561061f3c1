/* An exchange's answer: passed on, or what is said in its place when upstream fails; a second try where that may be. */
#include "sandbox/proxy/event.h"
#include "sandbox/proxy/http.h"

void
exchange_answer(struct exchange *exchange, const struct http_head *answer)
{
	struct why why;

	if (answer->status < 200 && ++exchange->interims > INTERIM_MAX) {
		exchange_failed(exchange, fail(&why, ERR_PROTOCOL, "more than %d interim answers", INTERIM_MAX), &why);
		return;
	}
	exchange->answer_begun |= answer->status >= 200;
	exchange->http->front->head(exchange, answer);
}

void
exchange_answer_end(struct exchange *exchange, const struct http_field *trailers, size_t n)
{
	const struct front *front = exchange->http->front;

	front->end(exchange, trailers, n);
	exchange->answer_done = true;
	exchange_let_go(exchange);
	exchange->state = EXCHANGE_REFUSED;
	front->over(exchange);
}

/* "CONNECT h:p blocked: ..." in tunnels, with the method at the explicit proxy (7.2). */
static struct span
blocked_words(struct exchange *exchange, struct text *text, const struct why *why)
{
	const struct connection *connection = exchange->http->connection;

	text_add_span(text, exchange->http->forward ? exchange->request.method : SPAN("CONNECT"));
	text_add(text, " %s:%u blocked: %s", connection->host, connection->port, why->text);
	return text_span(text);
}

void
exchange_failed(struct exchange *exchange, enum err r, const struct why *why)
{
	char bytes[WHY_BYTES + 512];
	struct text words = TEXT_OF(bytes);
	bool denied = r == ERR_DENIED;
	struct refusal refusal = {.status = denied ? 403 : 502,
	    .error = denied ? "ssrf_denied" : "upstream_unreachable",
	    .detail = denied ? blocked_words(exchange, &words, why) : span_of_text(why->text)};

	exchange_let_go(exchange);
	http_event(exchange->http, exchange, exchange->http->forward ? "FORWARD denied" : "HTTP_REQUEST denied",
	    EVENT_DENIED, exchange->policy, SPAN_NONE, span_of_text(refusal.error), refusal.detail);
	if (exchange->answer_begun)
		exchange->http->front->broken(exchange);
	else
		exchange_refuse(exchange, &refusal);
}

/* May it be sent twice (RFC 9110, 9.2.2)? */
static bool
is_idempotent(struct span method)
{
	static const char *const methods[] = {"GET", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE"};

	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
		if (span_is(method, methods[i]))
			return true;
	return false;
}

void
exchange_retry(struct exchange *exchange, const struct why *why)
{
	bool empty = exchange->request.body == HTTP_BODY_NONE && !exchange->body_begun && !exchange->collected_whole;

	if (exchange->retried || !empty || exchange->answer_begun || exchange->interims > 0 ||
	    !is_idempotent(exchange->request.method)) {
		exchange_failed(exchange, ERR_UNAVAILABLE, why);
		return;
	}
	exchange_let_go(exchange);
	exchange->retried = true;
	exchange->request_sent = false;
	pool_send(exchange);
}
