/* An exchange: one request and its answer, from its head to its burial; both bodies pass without being kept. */
#include <stdlib.h>

#include "sandbox/proxy/event.h"
#include "sandbox/proxy/http.h"
#include "sandbox/proxy/proxy.h"

/* ---- memory ---- */

struct exchange *
exchange_new(struct http *http)
{
	struct exchange *exchange = http->spare;

	http->spare = NULL;
	if (exchange == NULL && (exchange = malloc(sizeof(*exchange))) == NULL)
		abort();
	memset(exchange, 0, offsetof(struct exchange, request));
	memset(&exchange->request, 0, offsetof(struct http_head, fields));
	exchange->http = http;
	exchange->more.max_bytes = EXCHANGE_BYTES;
	exchange->front.exchange = exchange->upstream.exchange = exchange;
	list_append(&http->exchanges, &exchange->link);
	http->exchanges_n++;
	return exchange;
}

static void
flow_free(struct flow *flow)
{
	bytes_free(&flow->in);
	bytes_free(&flow->out);
}

void
exchange_free(struct exchange *exchange)
{
	struct http *http = exchange->http;

	flow_free(&exchange->front);
	flow_free(&exchange->upstream);
	bytes_free(&exchange->collected);
	arena_reset(&exchange->more);
	if (http->spare == NULL)
		http->spare = exchange;
	else
		free(exchange);
}

void *
exchange_alloc(struct exchange *exchange, size_t bytes)
{
	size_t at = (exchange->inline_used + 15) & ~(size_t)15;

	if (bytes > EXCHANGE_INLINE || at > EXCHANGE_INLINE - bytes)
		return arena_alloc(&exchange->more, bytes);
	exchange->inline_used = at + bytes;
	return exchange->inline_bytes + at;
}

struct span
exchange_copy(struct exchange *exchange, struct span bytes)
{
	char *copy = bytes.length == 0 ? NULL : exchange_alloc(exchange, bytes.length);

	if (copy == NULL)
		return SPAN_NONE;
	memcpy(copy, bytes.at, bytes.length);
	return span_of_bytes(copy, bytes.length);
}

/* ---- the end ---- */

/* Let go of policyd and of upstream. */
static void
let_go(struct exchange *exchange)
{
	if (exchange->judging != 0)
		judge_cancel(exchange->http->connection->proxy, exchange->judging);
	exchange->judging = 0;
	list_remove(&exchange->waiting);
	if (exchange->back != NULL)
		exchange->back->kind->leave(exchange);
	exchange->back = NULL;
}

void
exchange_over(struct exchange *exchange)
{
	if (exchange->state == EXCHANGE_OVER)
		return;
	exchange->state = EXCHANGE_OVER;
	if (exchange->http->reading == exchange)
		exchange->http->reading = NULL;
	list_remove(&exchange->link);
	list_append(&exchange->http->dead, &exchange->link);
	exchange->http->exchanges_n--;
	let_go(exchange);
}

void
exchange_gone(struct exchange *exchange)
{
	exchange_over(exchange);
}

/* ---- the decision, and what follows from it ---- */

/* Spans of a refusal into the exchange's memory: it may have to wait for its turn. */
static struct refusal
refusal_keep(struct exchange *exchange, const struct refusal *refusal)
{
	struct refusal kept = *refusal;

	kept.detail = exchange_copy(exchange, refusal->detail);
	kept.reason = exchange_copy(exchange, refusal->reason);
	kept.policy = exchange_copy(exchange, refusal->policy);
	kept.protocol = exchange_copy(exchange, refusal->protocol);
	return kept;
}

void
exchange_refuse(struct exchange *exchange, const struct refusal *refusal)
{
	if (exchange->state == EXCHANGE_OVER)
		return;
	let_go(exchange);
	exchange->refusal = refusal_keep(exchange, refusal);
	exchange->refuse = true;
	exchange->state = EXCHANGE_DECIDED;
	bytes_free(&exchange->collected);
	exchange_proceed(exchange);
}

void
exchange_decide(struct exchange *exchange)
{
	exchange->state = EXCHANGE_DECIDED;
	exchange_proceed(exchange);
}

static void
field_put(struct http_head *head, struct span name, struct span value)
{
	head->fields[head->fields_n++] = http_field_of(name, value);
}

/* Answer by ourselves; what still comes of the request is dropped. */
static void
answer_here(struct exchange *exchange)
{
	char bytes[REFUSAL_BYTES];
	struct text body = TEXT_OF(bytes);
	const struct front *front = exchange->http->front;
	struct http_head answer;

	memset(&answer, 0, offsetof(struct http_head, fields));
	refusal_body(&exchange->refusal, &body);
	answer.status = exchange->refusal.status;
	answer.reason = span_of_text(refusal_words(answer.status));
	answer.has_length = true;
	answer.length = body.length;
	answer.body = exchange->head ? HTTP_BODY_NONE : HTTP_BODY_LENGTH;
	if (body.length > 0)
		field_put(&answer, SPAN("Content-Type"), SPAN("application/json"));
	if (exchange->refusal.policy.length > 0 && http_value_ok(exchange->refusal.policy))
		field_put(&answer, SPAN("X-OpenShell-Policy"), exchange->refusal.policy);
	exchange->state = EXCHANGE_REFUSED;
	exchange->answer_last = exchange->answer_begun = true;
	front->head(exchange, &answer);
	if (!exchange->head && body.length > 0)
		front->body(exchange, text_span(&body));
	exchange_answer_end(exchange, NULL, 0);
}

/* The proxy reads the body itself: so it is the one who asks for it. */
static void
ask_for_body(struct exchange *exchange)
{
	struct http_head go_on;

	if (!exchange->request.expect_continue || exchange->request_done)
		return;
	exchange->request.expect_continue = false;
	memset(&go_on, 0, offsetof(struct http_head, fields));
	go_on.status = 100;
	go_on.reason = SPAN("Continue");
	exchange->http->front->head(exchange, &go_on);
}

void
exchange_proceed(struct exchange *exchange)
{
	if (!exchange->http->front->turn_of(exchange))
		return;
	if (exchange->state == EXCHANGE_COLLECTING) {
		ask_for_body(exchange);
		exchange->http->front->resume(exchange);
	}
	if (exchange->state != EXCHANGE_DECIDED)
		return;
	if (exchange->close)
		http_over(exchange->http);
	else if (exchange->refuse)
		answer_here(exchange);
	else
		pool_send(exchange);
}

/* ---- the request's body ---- */

bool
exchange_empty(const struct exchange *exchange)
{
	return exchange->request.body == HTTP_BODY_NONE || (exchange->request_done && !exchange->collected_whole);
}

size_t
exchange_room(struct exchange *exchange)
{
	switch (exchange->state) {
	case EXCHANGE_COLLECTING: /* one more than may be, to see that it is over */
		return exchange->body_max - bytes_length(&exchange->collected) + 1;
	case EXCHANGE_SENT:
		return exchange->collected_whole ? 0 : exchange->back->kind->room(exchange);
	case EXCHANGE_REFUSED:
	case EXCHANGE_OVER:
		return SIZE_MAX;
	default:
		return 0;
	}
}

/* What may be looked at is over its bound: refused, nothing of it sent. */
static void
too_large(struct exchange *exchange)
{
	char words[64];
	struct text text = TEXT_OF(words);
	struct connection *connection = exchange->http->connection;
	bool forward = exchange->http->forward;
	struct refusal refusal = {.status = forward ? 400 : 403, .rules = !forward, .method = exchange->request.method,
	    .path = exchange->target.path, .host = span_of_text(connection->host), .port = connection->port,
	    .binary = connection->judged.binary, .policy = exchange->policy,
	    .error = !forward ? "policy_denied" : exchange->look == 1 ? "invalid_graphql_request" : "invalid_jsonrpc_request"};

	text_add(&text, "the body is over %zu bytes", exchange->body_max);
	refusal.detail = text_span(&text);
	http_event(exchange->http, exchange, NULL, EVENT_DENIED, exchange->policy, SPAN_NONE, SPAN("body"), refusal.detail);
	exchange_refuse(exchange, &refusal);
}

void
exchange_body(struct exchange *exchange, struct span bytes)
{
	if (bytes.length == 0)
		return;
	if (exchange->state == EXCHANGE_SENT) {
		exchange->body_begun = true;
		exchange->back->kind->body(exchange, bytes);
	} else if (exchange->state == EXCHANGE_COLLECTING) {
		bytes_add(&exchange->collected, bytes);
		if (bytes_length(&exchange->collected) > exchange->body_max)
			too_large(exchange);
	}
}

void
exchange_body_end(struct exchange *exchange, const struct http_field *trailers, size_t n)
{
	exchange->request_done = true;
	if (exchange->state == EXCHANGE_SENT) {
		exchange->request_sent = true;
		exchange->back->kind->end(exchange, trailers, n);
	} else if (exchange->state == EXCHANGE_COLLECTING) {
		ask_again(exchange);
	}
}

/* Send what was collected, as far as there is room. */
static void
pump_collected(struct exchange *exchange)
{
	struct span rest = span_head(bytes_span(&exchange->collected), exchange->back->kind->room(exchange));

	if (exchange->request_sent)
		return;
	if (rest.length > 0) {
		exchange->body_begun = true;
		exchange->back->kind->body(exchange, rest);
		bytes_take(&exchange->collected, rest.length);
	}
	if (bytes_length(&exchange->collected) == 0) {
		exchange->request_sent = true;
		exchange->back->kind->end(exchange, NULL, 0);
	}
}

void
exchange_pump(struct exchange *exchange)
{
	if (exchange->state != EXCHANGE_SENT)
		return;
	if (exchange->collected_whole)
		pump_collected(exchange);
	else if (!exchange->request_done)
		exchange->http->front->resume(exchange);
}

/* ---- the answer ---- */

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
	let_go(exchange);
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
	struct refusal refusal = {.status = denied ? 403 : 502, .error = denied ? "ssrf_denied" : "upstream_unreachable",
	    .detail = denied ? blocked_words(exchange, &words, why) : span_of_text(why->text)};

	let_go(exchange);
	http_event(exchange->http, exchange, exchange->http->forward ? "FORWARD denied" : "HTTP_REQUEST denied", EVENT_DENIED,
	    exchange->policy, SPAN_NONE, span_of_text(refusal.error), refusal.detail);
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
	let_go(exchange);
	exchange->retried = true;
	exchange->request_sent = false;
	pool_send(exchange);
}
