/* Rules of every request, whatever the policy says: whom it is for, its canonical target, what it wants to become. */
#include <stdlib.h>

#include "common/wire/websocket_handshake.h"
#include "sandbox/proxy/event.h"
#include "sandbox/proxy/inject.h"

#define METHOD_BYTES  64
#define OVERRIDES_MAX 4

static uint16_t
default_port(const struct connection *connection)
{
	return connection->tls ? 443 : 80;
}

/* Does the authority mean the place that the connection was judged for? */
static bool
is_place(const struct connection *connection, struct span authority, uint16_t missing_port)
{
	struct http_authority read;
	struct why why;

	return http_authority_parse(authority, &read, &why) == OK &&
	       http_authority_is(&read, span_of_text(connection->host), connection->port, missing_port);
}

/* Host and an absolute form must say the same. */
static enum err
same_authority(const struct exchange *exchange, struct why *why)
{
	uint16_t port = exchange->target.scheme.length == 5 ? 443 : 80;
	struct http_authority a, b;
	enum err r;

	if ((r = http_authority_parse(exchange->target.authority, &a, why)) != OK)
		return r;
	if (exchange->request.host.length == 0)
		return OK;
	if ((r = http_authority_parse(exchange->request.host, &b, why)) != OK)
		return r;
	return http_authority_is(&b, a.host, a.has_port ? a.port : port, port)
		   ? OK
		   : fail(why, ERR_SYNTAX, "Host is not the target's");
}

static enum err
take_target(struct exchange *exchange, struct why *why)
{
	char room[HTTP_PATH_BYTES];
	struct http_target target = {0};
	enum err r;

	if ((r = http_target_parse(
		 exchange->request.target, exchange->http->connection->judged.encoded_slash, room, &target, why)) != OK)
		return r;
	if ((target.path = exchange_copy(exchange, target.path)).length == 0)
		return fail(why, ERR_LIMIT, "the request is too large");
	exchange->target = target;
	return inject_target(exchange, why);
}

/* The form of the target, by how the request came. */
static enum err
check_form(const struct exchange *exchange, struct why *why)
{
	bool absolute = exchange->target.scheme.length > 0;

	if (exchange->http->forward) {
		if (!absolute || exchange->target.scheme.length != 4)
			return fail(why, ERR_SYNTAX, "the target is no http URI");
		return is_place(exchange->http->connection, exchange->target.authority, 80)
			   ? OK
			   : fail(why, ERR_SYNTAX, "the target is not the place that was asked for");
	}
	if (absolute && exchange->front.stream != 0)
		return fail(why, ERR_SYNTAX, ":path is no path");
	return absolute ? same_authority(exchange, why) : OK;
}

/* S20: at most so many, each a method. */
static enum err
check_words(const struct exchange *exchange, struct why *why)
{
	const struct http_head *request = &exchange->request;

	if (request->method.length > METHOD_BYTES || span_is(request->method, "CONNECT"))
		return fail(why, ERR_SYNTAX, "not a method for here");
	if (http_count(request, HTTP_METHOD_OVERRIDE) > OVERRIDES_MAX)
		return fail(why, ERR_SYNTAX, "more than %d overrides of the method", OVERRIDES_MAX);
	for (size_t i = 0; i < request->fields_n; i++)
		if (request->fields[i].known == HTTP_METHOD_OVERRIDE &&
		    (!http_token(request->fields[i].value) || request->fields[i].value.length > METHOD_BYTES))
			return fail(why, ERR_SYNTAX, "an override that is no method");
	return OK;
}

/* What rules say of paths holds for the server too: no field may name another one. */
static enum check
check_path(const struct exchange *exchange, struct refusal *refusal)
{
	const struct http_head *request = &exchange->request;

	if (!exchange->http->connection->judged.inspect)
		return CHECK_OK;
	for (size_t i = 0; i < request->fields_n; i++)
		if (http_redirects(request->fields[i].name)) {
			*refusal = (struct refusal){.status = 403,
			    .error = "invalid_request_target",
			    .detail = SPAN("a header field that names another path than the one that is judged")};
			return CHECK_REFUSE;
		}
	return CHECK_OK;
}

/* RFC 6455, 4.2.1. */
static bool
is_websocket(const struct exchange *exchange)
{
	const struct http_head *request = &exchange->request;
	const struct http_field *version = http_find(request, HTTP_WEBSOCKET_VERSION);

	return http_same(request->upgrade, SPAN("websocket")) && request->connection_upgrade && request->minor > 0 &&
	       span_is(request->method, "GET") && request->body == HTTP_BODY_NONE &&
	       http_count(request, HTTP_WEBSOCKET_KEY) == 1 &&
	       websocket_key(http_find(request, HTTP_WEBSOCKET_KEY)->value) &&
	       http_count(request, HTTP_WEBSOCKET_VERSION) == 1 && span_is(version->value, WEBSOCKET_VERSION);
}

static bool
asks_h2c(struct span upgrade)
{
	return http_list_has(upgrade, "h2c") || http_list_has(upgrade, "h2");
}

/* S30; an upgrade that is none is an ordinary request: its Upgrade field goes no further. */
static enum check
check_upgrade(struct exchange *exchange, struct refusal *refusal)
{
	const struct http_head *request = &exchange->request;
	const struct msg_connection_judged *judged = &exchange->http->connection->judged;
	bool inspect = judged->inspect || judged->credentials || exchange->http->forward;

	if (request->upgrade.length == 0)
		return CHECK_OK;
	exchange->websocket = is_websocket(exchange);
	exchange->upgrade = exchange->websocket;
	if (exchange->websocket || http_same(request->upgrade, SPAN("websocket")))
		return CHECK_OK;
	if (!inspect) {
		exchange->upgrade =
		    request->connection_upgrade && request->body == HTTP_BODY_NONE && !asks_h2c(request->upgrade);
		return CHECK_OK;
	}
	*refusal = (struct refusal){.status = 403,
	    .error = "unsupported_l7_protocol",
	    .detail = SPAN("only an upgrade to websocket is passed")};
	return CHECK_REFUSE;
}

/* A finding: somebody speaks to another host over a connection that was judged for this one. */
static enum check
mismatch(struct exchange *exchange, struct refusal *refusal)
{
	struct event event = {.class = EVENT_FINDING,
	    .activity = "CREATE",
	    .severity = EVENT_HIGH,
	    .action = EVENT_DENIED,
	    .head = "openshell.http.request_authority_mismatch",
	    .method = exchange->request.method,
	    .path = exchange->target.path,
	    .code = SPAN("request_authority_mismatch")};

	connection_event(exchange->http->connection, &event);
	*refusal = (struct refusal){.status = 403,
	    .error = "request_authority_mismatch",
	    .detail_name = "message",
	    .detail = SPAN("the request's authority is not the place that this connection was opened for")};
	return CHECK_REFUSE;
}

enum check
check_request(struct exchange *exchange, struct refusal *refusal, struct why *why)
{
	const struct connection *connection = exchange->http->connection;
	struct span host = exchange->request.host;

	exchange->head = span_is(exchange->request.method, "HEAD");
	if (check_words(exchange, why) != OK || take_target(exchange, why) != OK || check_form(exchange, why) != OK)
		return CHECK_REJECT;
	if (!exchange->http->forward && host.length > 0 && !is_place(connection, host, default_port(connection)))
		return mismatch(exchange, refusal);
	if (check_path(exchange, refusal) != CHECK_OK || check_upgrade(exchange, refusal) != CHECK_OK)
		return CHECK_REFUSE;
	return connection->inference ? CHECK_OK : inject_check(exchange, refusal);
}
