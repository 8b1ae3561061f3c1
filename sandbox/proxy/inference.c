/* Model calls: the request is recognised, its body collected, then sent to the first backend that answers. */
#include "sandbox/proxy/inference.h"
#include "sandbox/proxy/inference_inside.h"

#include <stdlib.h>

#include "common/base/clock.h"
#include "sandbox/proxy/event.h"
#include "sandbox/proxy/proxy.h"
#include "common/resolve/resolve.h"

#define REQUEST_BYTES (INFERENCE_BODY_MAX + (256u << 10))

/* ---- the call ---- */

void
inference_refuse(struct exchange *exchange, unsigned status, const char *error, struct span hint, struct span code)
{
	struct refusal refusal = {.status = status, .error = error, .detail = hint, .detail_name = "hint"};

	http_event(exchange->http, exchange, "INFERENCE denied", EVENT_DENIED, SPAN_NONE, SPAN_NONE, code,
	    span_of_text(error));
	exchange_refuse(exchange, &refusal);
}

static struct model_call *
call_new(struct exchange *exchange, const struct inference_api *api, struct backends *backends)
{
	struct model_call *call = calloc(1, sizeof(*call));

	if (call == NULL)
		abort();
	*call = (struct model_call){.exchange = exchange, .api = api, .backends = backends, .begun_ms = clock_ms()};
	call->request.max_bytes = REQUEST_BYTES;
	backends->references++;
	exchange->inference = call;
	return call;
}

void
inference_forget(struct exchange *exchange)
{
	struct model_call *call = exchange->inference;

	if (call == NULL)
		return;
	inference_tell(call, EVENT_ENDED, SPAN("left"), SPAN("the agent has left"));
	exchange->inference = NULL;
	exchange->held_beside = 0;
	resolve_cancel(exchange->http->connection->proxy->resolver, call->resolving);
	loop_timer_stop(exchange->http->loop, &call->timer);
	bytes_free(&call->body);
	arena_reset(&call->request);
	backends_free(call->backends);
	free(call);
}

static bool
any_speaks(const struct backends *backends, const struct inference_api *api)
{
	for (size_t i = 0; i < backends->n; i++)
		if (inference_speaks(&backends->list[i], INFERENCE_ROUTE, api->protocol))
			return true;
	return false;
}

static bool
any_route(const struct backends *backends)
{
	for (size_t i = 0; backends != NULL && i < backends->n; i++)
		if (span_is(backends->list[i].route, INFERENCE_ROUTE))
			return true;
	return false;
}

/* The body is read as a whole: its model is the route's. */
static void
collect(struct exchange *exchange)
{
	exchange->body_max = INFERENCE_BODY_MAX;
	exchange->state = EXCHANGE_COLLECTING;
	exchange->collected_whole = true;
	if (exchange->request.has_length && exchange->request.length > INFERENCE_BODY_MAX)
		inference_too_large(exchange);
	else if (exchange->request_done)
		inference_collected(exchange);
	else
		exchange_proceed(exchange);
}

static void
send_or_say_why(struct model_call *call)
{
	if (!inference_next(call) && call->exchange->inference == call)
		inference_refuse(call->exchange, 503, "inference service unavailable",
		    SPAN("no backend of the route answers"), SPAN("unavailable"));
}

void
inference_begin(struct exchange *exchange)
{
	struct http *http = exchange->http;
	struct backends *backends = http->connection->proxy->backends;
	const struct inference_api *api = inference_api(exchange->request.method, exchange->target.path);

	if (api == NULL || !http->connection->tls) {
		http->ending = true;
		inference_refuse(exchange, 403, "connection not allowed by policy", SPAN_NONE, SPAN("no_api"));
	} else if (!any_route(backends))
		inference_refuse(exchange, 503, "cluster inference is not configured",
		    SPAN("set a route with: openshell inference set --provider NAME --model MODEL"),
		    SPAN("not_configured"));
	else if (!any_speaks(backends, api))
		inference_refuse(exchange, 400, "no compatible inference route available",
		    SPAN("the route's provider has no such call"), SPAN("no_backend"));
	else {
		struct model_call *call = call_new(exchange, api, backends);

		if (api->body)
			collect(exchange);
		else
			send_or_say_why(call);
	}
}

void
inference_too_large(struct exchange *exchange)
{
	inference_refuse(exchange, 413, "the request is over 10 MiB", SPAN_NONE, SPAN("body"));
}

void
inference_collected(struct exchange *exchange)
{
	struct model_call *call = exchange->inference;
	struct why why = {0};
	enum err r;

	call->body = exchange->collected;
	exchange->collected = (struct bytes){0};
	exchange->held_beside = call->body.size;
	if ((r = json_read(bytes_span(&call->body), &call->object, &why)) == OK &&
	    call->object.kind != JSON_KIND_OBJECT)
		r = fail(&why, ERR_SYNTAX, "the body is %s, not an object", json_kind_name(call->object.kind));
	if (r != OK) {
		inference_refuse(exchange, 400, "the body is not a JSON object", span_of_text(why.text), SPAN("body"));
		return;
	}
	call->stream = inference_streams(call->api, call->object);
	send_or_say_why(call);
}

/* ---- one backend ---- */

static void
late(void *self)
{
	struct model_call *call = self;
	struct exchange *exchange = call->exchange;
	struct http *http = exchange->http;

	resolve_cancel(http->connection->proxy->resolver, call->resolving);
	call->resolving = 0;
	exchange_let_go(exchange);
	if (!inference_watch.end(exchange, false)) {
		if (exchange->answer_begun)
			http->front->broken(exchange);
		else if (!inference_next(call))
			inference_refuse(
			    exchange, 503, "inference service unavailable", SPAN("no answer in time"), SPAN("timeout"));
	}
	http_settle(http);
}

static enum err
request_make(struct model_call *call, struct msg_route_open *open, struct why *why)
{
	const struct msg_inference_backend *backend = call->backend;
	struct exchange *exchange = call->exchange;
	struct arena *arena = &call->request;
	struct msg_piece *path = arena_array(arena, 1, sizeof(*path));
	struct msg_route_field *fields = arena_array(arena, INFERENCE_FIELDS_MAX, sizeof(*fields));
	struct span body = SPAN_NONE;
	enum err r;

	if (path == NULL || fields == NULL)
		return fail(why, ERR_LIMIT, "the request is too large");
	if ((r = inference_path(backend, call->api, exchange->target.path, call->stream, arena, &path->literal, why)) !=
		OK ||
	    (call->api->body && (r = inference_body(backend, call->api, call->object, arena, &body, why)) != OK))
		return r;
	bytes_free(&exchange->collected);
	bytes_add(&exchange->collected, body);
	exchange->held_beside = call->body.size + arena->used_bytes;
	*open = (struct msg_route_open){.backend = backend->slot,
	    .host = backend->host,
	    .port = backend->port,
	    .tls = backend->tls,
	    .method = span_of_text(call->api->method),
	    .path = path,
	    .path_n = 1,
	    .fields = fields,
	    .fields_n = inference_fields(backend, call->api, &exchange->request, arena, fields),
	    .h2 = backend->tls,
	    .body = call->api->body ? 1 : 0,
	    .length = body.length,
	    .head_ms = backend->timeout_ms};
	return OK;
}

void
inference_found(struct model_call *call)
{
	struct exchange *exchange = call->exchange;
	const struct whereabouts *where = inference_where(call);
	const struct routed_place place = {where->addresses, where->n, where->via, where->via_n};
	struct msg_route_open open;
	struct why why = {0};

	if (request_make(call, &open, &why) != OK || routed_way(exchange, &place, &call->request, &open, &why) != OK) {
		inference_refuse(exchange, 400, "the request cannot be sent on", span_of_text(why.text), SPAN("body"));
		return;
	}
	routed_send(exchange, &open, &inference_watch);
}

bool
inference_next(struct model_call *call)
{
	struct exchange *exchange = call->exchange;

	while (call->next < call->backends->n &&
	       !inference_speaks(&call->backends->list[call->next], INFERENCE_ROUTE, call->api->protocol))
		call->next++;
	if (call->next == call->backends->n)
		return false;
	call->backend = &call->backends->list[call->next++];
	call->tried++;
	arena_reset(&call->request);
	loop_timer_set(exchange->http->loop, &call->timer, call->backend->timeout_ms, late, call);
	exchange->state = EXCHANGE_WAITING;
	if (inference_where(call)->until_ms > clock_ms())
		inference_found(call);
	else
		inference_look(call);
	return true;
}
