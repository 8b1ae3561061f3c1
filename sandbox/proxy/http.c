/* The HTTP relay of one connection: its beginning, its limits in time, its end, and what it tells the log. */
#include "sandbox/proxy/http.h"

#include <stdlib.h>

#include "sandbox/proxy/event.h"
#include "sandbox/proxy/proxy.h"

static void
http_free(struct http *http)
{
	struct connection *connection = http->connection;
	struct exchange *exchange;

	if (http->tunnel != NULL)
		tunnel_free(http->tunnel);
	list_each(exchange, &http->exchanges, struct exchange, link)
		exchange_gone(exchange);
	pool_cancel(http);
	http->front->drop(http);
	list_each(exchange, &http->dead, struct exchange, link) {
		list_remove(&exchange->link);
		exchange_free(exchange);
	}
	loop_timer_stop(http->loop, &http->limit);
	connection->agent = side_give(&http->agent);
	bytes_free(&http->agent.in);
	connection->relay = NULL;
	connection->relay_end = NULL;
	free(http);
	connection_end(connection);
}

/* Whom nobody needs any more. */
static void
bury(struct http *http)
{
	struct exchange *exchange;

	list_each(exchange, &http->dead, struct exchange, link) {
		list_remove(&exchange->link);
		exchange_free(exchange);
	}
	pool_bury(http);
}

/* Memory of one connection's bodies, on their way or looked at. */
static size_t
held_by(const struct http *http)
{
	size_t sum = http->agent.in.size + http->agent.out.size;
	struct exchange *exchange;
	struct back *back;

	list_each(exchange, &http->exchanges, struct exchange, link)
		sum += exchange->front.in.size + exchange->front.out.size + exchange->upstream.in.size +
		       exchange->upstream.out.size + exchange->collected.size + exchange->held_beside;
	list_each(back, &http->backs, struct back, link)
		sum += back->side.in.size + back->side.out.size;
	return http->tunnel == NULL ? sum : sum + tunnel_held(http->tunnel);
}

/* Where all hold more than may be, those go that hold more than their share. */
static void
share_out(struct http *http)
{
	if (bytes_held() <= HELD_MAX_BYTES || http->over ||
	    held_by(http) * http->connection->proxy->connections_n <= HELD_MAX_BYTES)
		return;
	http_event(http, NULL, NULL, EVENT_DENIED, SPAN_NONE, SPAN_NONE, SPAN("flood"),
	    SPAN("more waits to be read here than this connection's share"));
	http->over = true;
}

void
http_settle(void *self)
{
	struct http *http = self;

	sides_flush(&http->sides);
	share_out(http);
	if (http->agent.broken || (http->ending && list_empty(&http->exchanges) && http->tunnel == NULL &&
				      bytes_length(&http->agent.out) == 0))
		http->over = true;
	bury(http);
	if (http->over)
		http_free(http);
}

void
http_over(struct http *http)
{
	http->over = true;
}

static void
limit_fired(void *self)
{
	http_over(self);
	http_settle(self);
}

void
http_limit(struct http *http, uint64_t ms)
{
	if (ms == http->limit_ms)
		return;
	http->limit_ms = ms;
	if (ms == 0)
		loop_timer_stop(http->loop, &http->limit);
	else
		loop_timer_set(http->loop, &http->limit, ms, limit_fired, http);
}

/* The words that tools look for (8.2), by what became of a request and how it came. */
static const struct {
	enum event_action action;
	enum event_severity severity;
	const char *tunnel, *upgrade, *forward;
	const char *uninspected, *uninspected_forward;
} heads[] = {
    {EVENT_ALLOWED, EVENT_INFO, "L7_REQUEST allow", "L7_REQUEST allow_upgrade", "FORWARD_L7 allow", "HTTP_REQUEST",
	"FORWARD allowed"},
    {EVENT_AUDITED, EVENT_LOW, "L7_REQUEST audit", "L7_REQUEST audit", "FORWARD_L7 audit", "HTTP_REQUEST",
	"FORWARD allowed"},
    {EVENT_DENIED, EVENT_MED, "L7_REQUEST deny", "L7_REQUEST deny", "FORWARD_L7 deny", "HTTP_REQUEST denied",
	"FORWARD denied"},
};

/* Whose word it was: a code that is none of these is a rule's. */
static const char *
engine_of(struct span code)
{
	static const char *const ours[] = {"parse", "flood", "no_decision", "request_authority_mismatch",
	    "unsupported_l7_protocol", "upstream_unreachable", "credential_unavailable", "credential_expired",
	    "credential_unsafe", "credential_endpoint_mismatch", "credential_injection_failed",
	    "invalid_credential_placeholder", "router_away", "token_grant_failed"};

	if (span_is(code, "ssrf_denied"))
		return "ssrf";
	for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
		if (span_is(code, ours[i]))
			return "proxy";
	return "opa";
}

/* The row's words for this request. */
static const char *
head_words(const struct http *http, const struct exchange *exchange, size_t row)
{
	if (!http->connection->judged.inspect)
		return http->forward ? heads[row].uninspected_forward : heads[row].uninspected;
	if (http->forward)
		return heads[row].forward;
	return exchange != NULL && exchange->upgrade ? heads[row].upgrade : heads[row].tunnel;
}

void
http_event(struct http *http, struct exchange *exchange, const char *head, int action, struct span policy,
    struct span rule, struct span code, struct span reason)
{
	struct event event = {.class = EVENT_HTTP,
	    .activity = "REQUEST",
	    .engine = engine_of(code),
	    .policy = policy,
	    .rule = rule,
	    .code = code,
	    .reason = reason,
	    .action = (enum event_action)action,
	    .severity = EVENT_MED,
	    .head = head};

	for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++)
		if (heads[i].action == event.action) {
			event.severity = heads[i].severity;
			if (head == NULL)
				event.head = head_words(http, exchange, i);
		}
	if (exchange != NULL) {
		exchange->untold.wanted &= action != EVENT_DENIED; /* one event of one request */
		event.method = exchange->request.method;
		event.path = exchange->target.path;
	}
	connection_event(http->connection, &event);
}

/* The policy changed, or the proxy stops. */
static void
relay_end(struct connection *connection, const char *why)
{
	struct http *http = connection->relay;
	struct event event = {.class = EVENT_HTTP,
	    .activity = "CLOSE",
	    .severity = EVENT_INFO,
	    .action = EVENT_ENDED,
	    .head = "L7 tunnel closed after policy reload",
	    .engine = "opa",
	    .reason = span_of_text(why)};

	connection_event(connection, &event);
	if (http->tunnel != NULL)
		tunnel_end(http, 1012, why);
	else
		http->front->goodbye(http);
	http_over(http);
	http_settle(http);
}

static bool
by_alpn(const struct connection *connection)
{
	return strcmp(leg_alpn(connection->agent), "h2") == 0;
}

static void
serve(struct connection *connection, bool forward)
{
	struct http *http = calloc(1, sizeof(*http));
	bool h2 = by_alpn(connection);

	if (http == NULL)
		abort();
	http->connection = connection;
	http->loop = connection->proxy->loop;
	http->forward = forward;
	http->offers_h2 = h2;
	http->front = h2 ? &h2_front : &h1_front;
	http->sides.settle = http_settle;
	http->sides.self = http;
	list_init(&http->sides.dirty);
	list_init(&http->exchanges);
	list_init(&http->dead);
	list_init(&http->waiting);
	list_init(&http->backs);
	list_init(&http->dead_backs);
	connection->relay = http;
	connection->relay_end = relay_end;
	side_open(&http->agent, &http->sides, connection->agent, h2 ? h2_front_turn : h1_front_turn, http);
	http_limit(http, HTTP_FIRST_MS);
	if (h2 && h2_front_open(http) != OK)
		http_over(http);
	sides_flush(&http->sides); /* watched from here on; nothing can have ended yet but by the loop */
	if (http->over)
		loop_timer_set(http->loop, &http->limit, 0, limit_fired, http);
}

void
http_serve(struct connection *connection)
{
	serve(connection, false);
}

void
http_forward(struct connection *connection)
{
	serve(connection, true);
}
