/* Requests with slots on their way: where they may go is found out, then the router is asked; or why they do not go. */
#include "common/base/text.h"
#include "sandbox/proxy/event.h"
#include "sandbox/proxy/inject.h"
#include "sandbox/proxy/proxy.h"
#include "sandbox/proxy/routed.h"
#include "sandbox/proxy/tokens.h"

#define OPEN_BYTES (1u << 20)

void
inject_refuse(struct exchange *exchange, unsigned status, const char *error, const char *words)
{
	struct refusal refusal = {.status = status, .error = error, .detail = span_of_text(words)};

	http_event(exchange->http, exchange, NULL, EVENT_DENIED, exchange->policy, SPAN_NONE, span_of_text(error),
	    refusal.detail);
	if (!exchange->answer_begun) {
		exchange_refuse(exchange, &refusal);
		return;
	}
	exchange_let_go(exchange);
	exchange->http->front->broken(exchange);
}

static void
body_send(struct exchange *exchange, struct arena *arena)
{
	const struct placeholder_pieces *body = &exchange->inject->body;
	size_t max = body->n + 8; /* and where a literal is long */
	struct msg_piece *pieces = arena_array(arena, max, sizeof(*pieces));
	size_t n = pieces == NULL ? 0 : inject_pieces(body, pieces, max);

	if (n == 0)
		inject_refuse(exchange, 403, "credential_injection_failed", "the body is too large to be filled in");
	else
		routed_pieces(exchange, pieces, n);
}

static bool
is_granted(const struct exchange *exchange)
{
	const struct connection *connection = exchange->http->connection;

	return tokens_granted(
	    connection->proxy, span_of_text(connection->host), connection->port, exchange->target.path);
}

/* How many are filled, and where: what an operator wants to know of a credential's use. */
void
inject_tell(struct exchange *exchange)
{
	const struct inject *inject = exchange->inject;
	size_t n = inject->path.slots + inject->query.slots + inject->body.slots;
	char words[96];
	struct text details = TEXT_OF(words);
	struct event event = {.class = EVENT_HTTP,
	    .severity = EVENT_INFO,
	    .action = EVENT_ALLOWED,
	    .activity = "REQUEST",
	    .head = "HTTP_REQUEST",
	    .engine = "proxy",
	    .method = exchange->request.method,
	    .path = exchange->target.path,
	    .policy = exchange->policy};

	for (size_t i = 0; i < inject->fields_n; i++)
		n += inject->fields[i].pieces.slots;
	text_add(&details, "credentials_injected=%zu%s%s", n, exchange->signing != 0 ? " signed=sigv4" : "",
	    is_granted(exchange) ? " token=granted" : "");
	event.details = text_span(&details);
	connection_event(exchange->http->connection, &event);
}

static void
send_it(struct exchange *exchange)
{
	auto_arena struct arena arena = {.max_bytes = OPEN_BYTES};
	struct msg_route_open open;
	struct why why = {0};

	upgrade_offer(exchange);
	if (inject_open(exchange, &arena, &open, &why) != OK) {
		inject_refuse(exchange, 403, "credential_injection_failed", why.text);
		return;
	}
	routed_send(exchange, &open, NULL);
	if (open.body == 3)
		body_send(exchange, &arena);
}

/* The addresses that may be dialled are known. */
static void
resolved(void *self, enum err r, struct leg *leg, const struct why *why)
{
	struct exchange *exchange = self;
	struct http *http = exchange->http;

	(void)leg;
	exchange->inject->resolving = 0;
	if (r != OK)
		exchange_failed(exchange, r, why);
	else
		send_it(exchange);
	http_settle(http);
}

bool
inject_wanted(const struct exchange *exchange)
{
	const struct proxy *proxy = exchange->http->connection->proxy;

	const struct inject *inject = exchange->inject;
	bool slots =
	    inject != NULL && (inject->path.n > 0 || inject->query.n > 0 || inject->fields_n > 0 || inject->body.n > 0);

	return slots || exchange->signing != 0 || is_granted(exchange) ||
	       (exchange->rewrite_messages && exchange->http->connection->tls && proxy->router != NULL &&
		   tokens_any(proxy));
}

void
inject_send(struct exchange *exchange)
{
	const struct connection *connection = exchange->http->connection;
	struct inject *inject = inject_needed(exchange);

	if (exchange->upgrade && !exchange->websocket)
		inject_refuse(exchange, 403, "credential_injection_failed",
		    "credentials are put into no upgrade but to a WebSocket");
	else if (!connection->tls)
		inject_refuse(exchange, 403, "credential_injection_failed", "credentials are put in over TLS only");
	else if (inject == NULL)
		inject_refuse(exchange, 403, "credential_injection_failed", "the request is too large");
	else if (connection->pinned_n > 0 && (!connection->onward || connection->via_n > 0))
		send_it(exchange);
	else {
		exchange->state = EXCHANGE_WAITING;
		inject->resolving = upstream_pin(exchange->http->connection, resolved, exchange);
	}
}
