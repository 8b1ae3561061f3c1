/* services: one request and its answer: found a target, given a connection, passed on both ways as far as each side takes. */
#include <stdlib.h>

#include "common/base/clean.h"
#include "common/base/text.h"
#include "services/api/service_inside.h"

#define UNREACHABLE "Service endpoint is not reachable"

static void
exchange_free(struct exchange *exchange)
{
	target_forget(exchange);
	if (exchange->upstream != NULL)
		upstream_release(exchange->upstream, false);
	buffer_done(&exchange->to);
	buffer_done(&exchange->from);
	free(exchange);
}

static void
answer(struct rpc_call *call, int status, const char *words)
{
	rpc_set_state(call, NULL);
	rpc_http_answer(call, status, "text/plain; charset=utf-8", span_of_text(words));
}

/* Without an answer of the service's: told so, or cut where one has begun. */
static void
exchange_over(struct exchange *exchange, int status, const char *words)
{
	struct rpc_call *call = exchange->work.call;
	bool begun = exchange->begun;

	exchange_free(exchange);
	rpc_set_state(call, NULL);
	if (begun)
		rpc_http_abort(call);
	else
		answer(call, status, words);
}

void
exchange_refused(struct exchange *exchange, int status, const char *words)
{
	if (exchange->upstream != NULL)
		log_info("service.withdrawn", "sandbox=%s port=%u begun=%d", id_text(exchange->sandbox), exchange->port,
		    exchange->begun);
	exchange_over(exchange, status, words);
}

/* ---- its end ---- */

static void
finish(struct exchange *exchange)
{
	struct rpc_call *call = exchange->work.call;
	struct upstream *upstream = exchange->upstream;
	bool keep = exchange->keep && exchange->sent && exchange->from.length == 0 && !exchange->raw;

	exchange->upstream = NULL;
	if (upstream != NULL)
		upstream_release(upstream, keep);
	rpc_set_state(call, NULL);
	rpc_http_end(call, exchange->trailers, exchange->trailers_n);
	exchange_free(exchange);
}

/* The answer cannot be brought to its end, or never began. */
static void
broken(struct exchange *exchange, const struct why *why)
{
	log_info("service.broken", "sandbox=%s port=%u begun=%d why=%s", id_text(exchange->sandbox), exchange->port,
	    exchange->begun, log_quote(span_of_text(why->text)));
	exchange_over(exchange, 502, UNREACHABLE);
}

/* ---- the request's way in ---- */

/* As much as there is credit for; the rest when there is more. */
static void
pump(struct exchange *exchange)
{
	struct upstream *upstream = exchange->upstream;
	bool more = true;

	while (more && upstream != NULL && upstream->passage != NULL && upstream->opened) {
		buffer_take(&exchange->to, passage_write(upstream->passage, 0, buffer_span(&exchange->to)));
		more = exchange->to.length == 0 && !exchange->sent && request_body_next(exchange);
	}
}

void
exchange_room(struct exchange *exchange)
{
	pump(exchange);
}

void
exchange_opened(struct exchange *exchange)
{
	pump(exchange);
}

/* ---- the answer's way out ---- */

bool
exchange_data(struct exchange *exchange, struct span bytes)
{
	struct why why = {0};
	bool over, raw = exchange->raw;
	enum err r;

	if (exchange->begun && rpc_room(exchange->work.call) == 0)
		return false;
	buffer_add(&exchange->from, bytes);
	r = exchange_read(exchange, &over, &why);
	if (r != OK)
		broken(exchange, &why);
	else if (over)
		finish(exchange);
	else if (exchange->raw != raw)
		pump(exchange); /* what the client has said meanwhile */
	return true;
}

/* A kept connection may have been closed while the request was on its way: it is asked once more, over a new one. */
static bool
again(struct exchange *exchange)
{
	struct upstream *upstream = exchange->upstream;
	bool reused = upstream != NULL ? upstream->reused : exchange->reused;

	if (!reused || !exchange->safe || exchange->begun || exchange->from.length > 0)
		return false;
	exchange->upstream = NULL;
	if (upstream != NULL)
		upstream_release(upstream, false);
	exchange->safe = exchange->sent = false;
	buffer_done(&exchange->to);
	buffer_add(&exchange->to, exchange->head);
	exchange->upstream = upstream_get(exchange, false);
	return true;
}

void
exchange_ended(struct exchange *exchange)
{
	struct why why = {0};

	if (exchange->begun && exchange->answer == HTTP_BODY_CLOSE) {
		finish(exchange);
		return;
	}
	(void)fail(&why, ERR_UNAVAILABLE, "it closed the connection before its answer was whole");
	if (!again(exchange))
		broken(exchange, &why);
}

void
exchange_lost(struct exchange *exchange, enum err r, const struct why *why)
{
	exchange->reused = exchange->upstream->reused;
	exchange->upstream = NULL;
	if (r == OK)
		exchange_ended(exchange);
	else if (!again(exchange))
		broken(exchange, why);
}

/* ---- its beginning ---- */

void
exchange_routed(struct exchange *exchange, const struct target *target)
{
	struct span method = rpc_metadata(exchange->work.call, ":method");
	struct why why = {0};

	exchange->sandbox = target->sandbox;
	exchange->port = target->port;
	if (target->phase != TARGET_READY) {
		exchange_refused(exchange, 412, "Sandbox is not ready");
		return;
	}
	exchange->upgrade = rpc_http_upgrade(exchange->work.call);
	exchange->head_only = span_is(method, "HEAD");
	if (request_begin(exchange, &why) != OK) {
		exchange_refused(exchange, 400, "Invalid service request");
		return;
	}
	exchange->safe = exchange->body == HTTP_BODY_NONE && !exchange->upgrade &&
			 (span_is(method, "GET") || exchange->head_only || span_is(method, "OPTIONS"));
	buffer_add(&exchange->to, exchange->head);
	exchange->upstream = upstream_get(exchange, exchange->safe);
	if (exchange->upstream->opened)
		exchange_opened(exchange);
}

/* ---- from the server ---- */

static void
gone(struct work *work)
{
	exchange_free((struct exchange *)work);
}

static void
writable(struct work *work)
{
	struct exchange *exchange = (struct exchange *)work;

	if (exchange->upstream != NULL && exchange->upstream->passage != NULL)
		passage_read(exchange->upstream->passage);
}

struct exchange *
exchange_new(struct api *api, struct rpc_call *call)
{
	struct exchange *exchange = calloc(1, sizeof(*exchange));

	if (exchange == NULL)
		abort();
	exchange->work = (struct work){.api = api, .call = call, .gone = gone, .writable = writable};
	rpc_set_state(call, &exchange->work);
	passage_set_queue(call);
	return exchange;
}

void
services_input(void *self, struct rpc_call *call)
{
	struct exchange *exchange = rpc_state(call);

	(void)self;
	if (exchange != NULL)
		pump(exchange);
}
