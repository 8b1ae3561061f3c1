/* Answers of models: passed on piece by piece, counted, held to their limits; another backend before the first byte. */
#include "common/base/clock.h"
#include "common/base/text.h"
#include "sandbox/proxy/event.h"
#include "sandbox/proxy/inference.h"
#include "sandbox/proxy/inference_inside.h"

/* ---- what is told ---- */

static void
add_counts(struct text *text, const struct model_call *call)
{
	if (call->usage.found)
		text_add(text, " input_tokens=%llu output_tokens=%llu", (unsigned long long)call->usage.input,
		    (unsigned long long)call->usage.output);
}

void
inference_tell(struct model_call *call, int action, struct span code, struct span reason)
{
	char bytes[1024];
	struct text details = TEXT_OF(bytes);
	struct event event = {.class = EVENT_API,
	    .severity = action == EVENT_ALLOWED ? EVENT_INFO : EVENT_LOW,
	    .action = (enum event_action)action,
	    .activity = "CALL",
	    .head = action == EVENT_ALLOWED ? "INFERENCE answered" : "INFERENCE failed",
	    .engine = "proxy",
	    .method = call->exchange->request.method,
	    .path = call->exchange->target.path,
	    .protocol = span_of_text(call->api->protocol),
	    .code = code,
	    .reason = reason};

	if (call->told || call->backend == NULL)
		return;
	call->told = true;
	event.onward = inference_where(call)->via_n > 0;
	text_add(&details,
	    "route=%s provider=" SPAN_FORMAT " model=" SPAN_FORMAT " status=%u tried=%u ms=%llu bytes=%llu",
	    INFERENCE_ROUTE, SPAN_ARGS(call->backend->provider), SPAN_ARGS(call->backend->model), call->status,
	    call->tried, (unsigned long long)(clock_ms() - call->begun_ms), (unsigned long long)call->bytes);
	add_counts(&details, call);
	event.details = text_span(&details);
	connection_event(call->exchange->http->connection, &event);
}

/* ---- limits of a stream ---- */

/* It breaks off: an event says so, then it ends as a whole. False: it is no stream, or there is no room to say it. */
static bool
say_broken(struct model_call *call, const char *words)
{
	char bytes[256];
	struct text text = TEXT_OF(bytes);
	struct exchange *exchange = call->exchange;
	const struct front *front = exchange->http->front;

	text_add(&text, "\n\ndata: {\"error\":{\"message\":\"%s\",\"type\":\"proxy_stream_error\"}}\n\n", words);
	inference_tell(call, EVENT_ENDED, SPAN("stream"), span_of_text(words));
	if (!call->events || front->room(exchange) < text.length)
		return false;
	front->body(exchange, text_span(&text));
	exchange_answer_end(exchange, NULL, 0);
	return true;
}

static void
silent(void *self)
{
	struct model_call *call = self;
	struct exchange *exchange = call->exchange;
	struct http *http = exchange->http;

	exchange_let_go(exchange);
	if (!say_broken(call, "the model server was silent for 120 s"))
		http->front->broken(exchange);
	http_settle(http);
}

/* ---- what the router brings ---- */

/* Another backend could do better: too busy, or broken. */
static bool
is_failure(unsigned status)
{
	return status == 429 || status == 529 || (status >= 500 && status <= 504 && status != 501);
}

static bool
is_event_stream(const struct http_head *answer)
{
	const struct http_field *type = http_find(answer, HTTP_CONTENT_TYPE);

	return type != NULL && http_same(span_head(type->value, 17), SPAN("text/event-stream"));
}

static bool
head(struct exchange *exchange, struct http_head *answer)
{
	struct model_call *call = exchange->inference;

	call->status = answer->status;
	if (is_failure(answer->status) && inference_next(call))
		return true;
	call->events = is_event_stream(answer);
	call->counts = http_find(answer, HTTP_CONTENT_ENCODING) == NULL;
	if (call->events)
		loop_timer_set(exchange->http->loop, &call->timer, INFERENCE_IDLE_MS, silent, call);
	return false;
}

static bool
body(struct exchange *exchange, struct span bytes)
{
	struct model_call *call = exchange->inference;

	call->bytes += bytes.length;
	if (call->bytes > INFERENCE_ANSWER_MAX) {
		exchange_let_go(exchange);
		if (!say_broken(call, "the answer is over 32 MiB"))
			exchange->http->front->broken(exchange);
		return false;
	}
	if (call->counts)
		usage_feed(&call->usage, bytes);
	if (call->events)
		loop_timer_set(exchange->http->loop, &call->timer, INFERENCE_IDLE_MS, silent, call);
	return true;
}

static bool
end(struct exchange *exchange, bool whole)
{
	struct model_call *call = exchange->inference;

	loop_timer_stop(exchange->http->loop, &call->timer);
	if (whole) {
		inference_tell(call, call->status < 400 ? EVENT_ALLOWED : EVENT_ENDED, SPAN_NONE, SPAN_NONE);
		return false;
	}
	return exchange->answer_begun && say_broken(call, "the model server broke off");
}

/* Before anything went to the agent. */
static bool
failed(struct exchange *exchange, struct span code, struct span reason, bool begun)
{
	struct model_call *call = exchange->inference;
	bool certificate = span_is(code, "upstream_certificate");

	(void)begun; /* a model call may be made twice: it is paid twice at worst, and told */
	if (inference_next(call))
		return true;
	loop_timer_stop(exchange->http->loop, &call->timer);
	inference_tell(call, EVENT_ENDED, code, reason);
	inference_refuse(exchange, certificate || span_is(code, "upstream_broken") ? 502 : 503,
	    certificate || span_is(code, "upstream_broken") ? "inference service error"
							    : "inference service unavailable",
	    reason, code);
	return true;
}

const struct routed_watch inference_watch = {.failed = failed, .head = head, .body = body, .end = end};
