/* An exchange: one request and its answer, from its head to its burial; both bodies pass without being kept. */
#include "sandbox/proxy/event.h"
#include "sandbox/proxy/http.h"
#include "sandbox/proxy/inference.h"
#include "sandbox/proxy/inject.h"
#include "sandbox/proxy/proxy.h"
#include "sandbox/proxy/routed.h"

/* ---- the end ---- */

void
exchange_tell(struct exchange *exchange)
{
	if (!exchange->untold.wanted)
		return;
	exchange->untold.wanted = false;
	http_event(exchange->http, exchange, NULL, exchange->untold.what, exchange->policy, exchange->untold.rule,
	    exchange->untold.code, exchange->untold.reason);
	if (routed_is(exchange))
		inject_tell(exchange);
}

void
exchange_let_go(struct exchange *exchange)
{
	if (exchange->judging != 0)
		judge_cancel(exchange->http->connection->proxy, exchange->judging);
	exchange->judging = 0;
	inject_let_go(exchange);
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
	exchange_tell(exchange);
	exchange->state = EXCHANGE_OVER;
	if (exchange->http->reading == exchange)
		exchange->http->reading = NULL;
	list_remove(&exchange->link);
	list_append(&exchange->http->dead, &exchange->link);
	exchange->http->exchanges_n--;
	exchange_let_go(exchange);
	inference_forget(exchange);
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
	exchange_let_go(exchange);
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
	else if (inject_wanted(exchange))
		inject_send(exchange);
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
	struct refusal refusal = {.status = forward ? 400 : 403,
	    .rules = !forward,
	    .method = exchange->request.method,
	    .path = exchange->target.path,
	    .host = span_of_text(connection->host),
	    .port = connection->port,
	    .binary = connection->judged.binary,
	    .policy = exchange->policy,
	    .error = !forward		   ? "policy_denied"
		     : exchange->look == 1 ? "invalid_graphql_request"
					   : "invalid_jsonrpc_request"};

	text_add(&text, "the body is over %zu bytes", exchange->body_max);
	refusal.detail = text_span(&text);
	http_event(
	    exchange->http, exchange, NULL, EVENT_DENIED, exchange->policy, SPAN_NONE, SPAN("body"), refusal.detail);
	exchange_refuse(exchange, &refusal);
}

void
exchange_body(struct exchange *exchange, struct span bytes)
{
	if (bytes.length == 0)
		return;
	if (exchange->state == EXCHANGE_SENT) {
		if (!inject_passes(exchange, bytes))
			return;
		exchange->body_begun = true;
		exchange->back->kind->body(exchange, bytes);
	} else if (exchange->state == EXCHANGE_COLLECTING) {
		bytes_add(&exchange->collected, bytes);
		if (bytes_length(&exchange->collected) <= exchange->body_max)
			return;
		if (exchange->collecting)
			inject_too_large(exchange);
		else if (exchange->inference != NULL)
			inference_too_large(exchange);
		else
			too_large(exchange);
	}
}

/* Those of a body that is read whole go on behind it; a model call is made anew, and has none. */
static bool
trailers_keep(struct exchange *exchange, const struct http_field *trailers, size_t n)
{
	struct refusal large = {.status = 431, .error = ""};

	if (exchange->state != EXCHANGE_COLLECTING || exchange->inference != NULL ||
	    exchange_trailers(exchange, trailers, n, &exchange->trailers, &exchange->trailers_n))
		return true;
	exchange_refuse(exchange, &large);
	return false;
}

void
exchange_body_end(struct exchange *exchange, const struct http_field *trailers, size_t n)
{
	exchange->request_done = true;
	if (!inject_trailers(exchange, trailers, n) || !trailers_keep(exchange, trailers, n))
		return;
	if (exchange->state == EXCHANGE_SENT) {
		if (exchange->tail != NULL && !inject_passes(exchange, SPAN_NONE))
			return;
		exchange->request_sent = true;
		exchange->back->kind->end(exchange, trailers, n);
	} else if (exchange->state == EXCHANGE_COLLECTING && exchange->collecting) {
		inject_collected(exchange);
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
		exchange->back->kind->end(exchange, exchange->trailers, exchange->trailers_n);
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
