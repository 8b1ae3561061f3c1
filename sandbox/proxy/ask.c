/* Asking policyd about a request, and what follows from its verdict. */
#include <stdlib.h>

#include "sandbox/proxy/event.h"
#include "sandbox/proxy/http.h"
#include "sandbox/proxy/inference.h"
#include "sandbox/proxy/inject.h"
#include "sandbox/proxy/proxy.h"

#define OVERRIDES_MAX 4 /* as check.c has looked at */

enum { VERDICT_ALLOW = 1, VERDICT_AUDIT, VERDICT_REFUSE, VERDICT_READ_BODY, VERDICT_CLOSE };

static void judged(void *self, enum err r, const struct msg_verdict *verdict, const struct why *why);

/* A GET that waits for events and brings nothing (MCP). */
static bool
is_event_stream(const struct exchange *exchange)
{
	const struct http_head *request = &exchange->request;

	if (!span_is(request->method, "GET") || request->body != HTTP_BODY_NONE)
		return false;
	for (size_t i = 0; i < request->fields_n; i++)
		if (request->fields[i].known == HTTP_ACCEPT &&
		    memmem(request->fields[i].value.at, request->fields[i].value.length, "text/event-stream", 17) !=
			NULL)
			return true;
	return false;
}

static size_t
overrides(const struct exchange *exchange, struct span to[OVERRIDES_MAX])
{
	size_t n = 0;

	for (size_t i = 0; i < exchange->request.fields_n && n < OVERRIDES_MAX; i++)
		if (exchange->request.fields[i].known == HTTP_METHOD_OVERRIDE)
			to[n++] = exchange->request.fields[i].value;
	return n;
}

static void
ask(struct exchange *exchange, bool body)
{
	auto_arena struct arena arena = {.max_bytes = 8u << 20};
	struct span methods[OVERRIDES_MAX];
	struct msg_question question = {.kind = 1,
	    .method = exchange->request.method,
	    .path = exchange->target.path,
	    .query = exchange->target.query,
	    .overrides = methods,
	    .overrides_n = overrides(exchange, methods),
	    .upgrade = exchange->websocket,
	    .event_stream = is_event_stream(exchange)};

	if (body)
		body_question(exchange, &arena, &question);
	exchange->state = EXCHANGE_JUDGING;
	exchange->judging = judge_request(exchange->http->connection, &question, judged, exchange);
}

void
ask_reject(struct exchange *exchange, const struct why *why)
{
	struct http *http = exchange->http;
	struct refusal refusal = {.status = 400, .error = "invalid_request_target", .detail = span_of_text(why->text)};

	http_event(http, exchange, NULL, EVENT_DENIED, SPAN_NONE, SPAN_NONE, SPAN("parse"), span_of_text(why->text));
	exchange->close = !http->forward && exchange->front.stream == 0;
	exchange_refuse(exchange, &refusal);
}

void
exchange_begin(struct exchange *exchange)
{
	struct refusal refusal = {0};
	struct why why = {0};

	exchange->http->asked = true;
	switch (check_request(exchange, &refusal, &why)) {
	case CHECK_OK:
		if (exchange->http->connection->inference)
			inference_begin(exchange);
		else
			ask(exchange, false);
		break;
	case CHECK_REFUSE:
		http_event(exchange->http, exchange, NULL, EVENT_DENIED, SPAN_NONE, SPAN_NONE,
		    span_of_text(refusal.error), refusal.detail);
		exchange_refuse(exchange, &refusal);
		break;
	case CHECK_REJECT:
		ask_reject(exchange, &why);
		break;
	}
}

void
ask_again(struct exchange *exchange)
{
	if (exchange->inference != NULL)
		inference_collected(exchange);
	else
		ask(exchange, true);
}

/* ---- verdicts ---- */

static void
refused(struct exchange *exchange, const struct msg_verdict *verdict)
{
	const struct connection *connection = exchange->http->connection;
	struct refusal refusal = {.status = 403,
	    .error = "policy_denied",
	    .detail = verdict->reason,
	    .rules = true,
	    .policy = verdict->policy,
	    .protocol = verdict->protocol,
	    .method = exchange->request.method,
	    .path = exchange->target.path,
	    .host = span_of_text(connection->host),
	    .port = connection->port,
	    .binary = connection->judged.binary};
	bool forward_body = exchange->http->forward && span_is(verdict->code, "body");

	http_event(exchange->http, exchange, NULL, EVENT_DENIED, verdict->policy, verdict->rule, verdict->code,
	    verdict->reason);
	if (forward_body && exchange->look != LOOK_NOT) {
		refusal.status = 400;
		refusal.rules = false;
		refusal.error = exchange->look == LOOK_GRAPHQL ? "invalid_graphql_request" : "invalid_jsonrpc_request";
	}
	exchange_refuse(exchange, &refusal);
}

/* It waits for a way there, longer than the verdict is ours. */
static void
untold_keep(struct exchange *exchange)
{
	exchange->untold.rule = exchange_copy(exchange, exchange->untold.rule);
	exchange->untold.code = exchange_copy(exchange, exchange->untold.code);
	exchange->untold.reason = exchange_copy(exchange, exchange->untold.reason);
}

static void
allowed(struct exchange *exchange, const struct msg_verdict *verdict)
{
	exchange->untold.wanted = true;
	exchange->untold.what = verdict->what == VERDICT_AUDIT ? EVENT_AUDITED : EVENT_ALLOWED;
	exchange->untold.rule = verdict->rule;
	exchange->untold.code = verdict->code;
	exchange->untold.reason = verdict->reason;
	exchange->messages = exchange->websocket && (verdict->messages || verdict->rewrite_messages);
	exchange->messages_free = !verdict->messages;
	exchange->messages_graphql = verdict->messages_graphql;
	exchange->policy = exchange_copy(exchange, verdict->policy);
	if (inject_allowed(exchange, verdict))
		exchange_decide(exchange);
	if (exchange->untold.wanted)
		untold_keep(exchange);
}

/* The body decides: it is read, and the question asked again. */
static void
read_body(struct exchange *exchange, const struct msg_verdict *verdict)
{
	exchange->look = verdict->look;
	exchange->tool_names = verdict->tool_names;
	exchange->body_max = verdict->body_max;
	exchange->policy = exchange_copy(exchange, verdict->policy);
	exchange->state = EXCHANGE_COLLECTING;
	exchange->collected_whole = exchange->request.body != HTTP_BODY_NONE;
	if (exchange->request_done)
		ask_again(exchange);
	else
		exchange_proceed(exchange);
}

static void
no_verdict(struct exchange *exchange, const struct why *why)
{
	struct refusal refusal = {.status = 403,
	    .error = "policy_denied",
	    .detail = SPAN("no decision could be had"),
	    .reason = span_of_text(why->text)};

	http_event(exchange->http, exchange, NULL, EVENT_DENIED, SPAN_NONE, SPAN_NONE, SPAN("no_decision"),
	    span_of_text(why->text));
	exchange_refuse(exchange, &refusal);
	exchange->http->ending = true;
}

static void
judged(void *self, enum err r, const struct msg_verdict *verdict, const struct why *why)
{
	struct exchange *exchange = self;
	struct http *http = exchange->http;

	exchange->judging = 0;
	if (r != OK)
		no_verdict(exchange, why);
	else if (verdict->what == VERDICT_ALLOW || verdict->what == VERDICT_AUDIT)
		allowed(exchange, verdict);
	else if (verdict->what == VERDICT_READ_BODY && exchange->look == LOOK_NOT && verdict->look != LOOK_NOT)
		read_body(exchange, verdict);
	else if (verdict->what == VERDICT_CLOSE) {
		http_event(
		    http, exchange, NULL, EVENT_DENIED, verdict->policy, verdict->rule, verdict->code, verdict->reason);
		http->front->goodbye(http);
		http_over(http);
	} else
		refused(exchange, verdict);
	http_settle(http);
}
