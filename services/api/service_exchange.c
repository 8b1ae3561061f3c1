/* services: one request and its answer: found a target, given a connection, passed on both ways as far as each side takes. */
#include <stdlib.h>

#include "common/base/clean.h"
#include "common/wire/base64.h"
#include "services/api/service_head.h"
#include "services/api/service_inside.h"

#define PIECE_BYTES (32u << 10) /* of a request's body at once */
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

static void
body_last(struct exchange *exchange)
{
	char room[HTTP_TRAILERS_BYTES + 4 * HTTP_TRAILERS_MAX + 1];
	struct text text = TEXT_OF(room);
	size_t n, fields_n;
	const struct rpc_field *trailers = rpc_http_trailers(exchange->work.call, &n),
			       *fields = rpc_http_fields(exchange->work.call, &fields_n);

	service_trailers_write(trailers, n, fields, fields_n, &text);
	buffer_add(&exchange->to, SPAN("0\r\n"));
	buffer_add(&exchange->to, text_span(&text));
	buffer_add(&exchange->to, SPAN("\r\n"));
}

/* More of the body into exchange->to. false: none is there. */
static bool
body_next(struct exchange *exchange)
{
	struct rpc_call *call = exchange->work.call;
	char head[HTTP_CHUNK_HEAD_BYTES];
	bool ended, chunked = exchange->body == HTTP_BODY_CHUNKED && !exchange->raw;
	struct span piece = span_head(rpc_http_body(call, &ended), PIECE_BYTES);

	if (exchange->body == HTTP_BODY_NONE && !exchange->raw) {
		exchange->sent = true;
		return false;
	}
	if (piece.length > 0 && chunked)
		buffer_add(&exchange->to, span_of_bytes(head, http_chunk_head(head, piece.length)));
	buffer_add(&exchange->to, piece);
	if (piece.length > 0 && chunked)
		buffer_add(&exchange->to, SPAN("\r\n"));
	rpc_http_take(call, piece.length);
	if (piece.length > 0 || !ended)
		return piece.length > 0;
	exchange->sent = true;
	if (chunked)
		body_last(exchange);
	else if (exchange->raw)
		passage_end(exchange->upstream->passage, 0);
	return chunked;
}

/* As much as there is credit for; the rest when there is more. */
static void
pump(struct exchange *exchange)
{
	struct upstream *upstream = exchange->upstream;
	bool more = true;

	while (more && upstream != NULL && upstream->passage != NULL && upstream->opened) {
		buffer_take(&exchange->to, passage_write(upstream->passage, 0, buffer_span(&exchange->to)));
		more = exchange->to.length == 0 && !exchange->sent && body_next(exchange);
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

/* How the request's body goes on: as it came, but that of HTTP/2 without a length in chunks, or with one if it is here. */
static void
body_find(struct exchange *exchange)
{
	struct rpc_call *call = exchange->work.call;
	bool ended;
	size_t here = rpc_http_body(call, &ended).length, trailers_n;

	(void)rpc_http_trailers(call, &trailers_n);

	exchange->body = HTTP_BODY_CHUNKED;
	if (exchange->upgrade || (ended && here == 0))
		exchange->body = HTTP_BODY_NONE;
	if (exchange->upgrade)
		return;
	if (number_parse(rpc_metadata(call, "content-length"), 0, UINT64_MAX / 2, &exchange->body_length, NULL) == OK) {
		exchange->body = HTTP_BODY_LENGTH;
	} else if (ended && here > 0 && trailers_n == 0) {
		exchange->body = HTTP_BODY_LENGTH;
		exchange->body_length = here;
	}
}

static enum err
head_write(struct exchange *exchange, struct why *why)
{
	struct rpc_call *call = exchange->work.call;
	char *room = arena_alloc(rpc_arena(call), SERVICE_HEAD_BYTES);
	struct text text = {room, 0, SERVICE_HEAD_BYTES, false};
	struct id nonce = id_new();
	char key[BASE64_BYTES(sizeof(nonce)) + 1] = "";
	struct service_request request = {.method = rpc_metadata(call, ":method"),
	    .path = rpc_metadata(call, ":path"),
	    .port = exchange->port,
	    .body = exchange->body,
	    .length = exchange->body_length,
	    .upgrade = exchange->upgrade,
	    .expects = exchange->body != HTTP_BODY_NONE && rpc_http_expects(call)};
	enum err r;

	if (room == NULL)
		return fail(why, ERR_LIMIT, "the request needs too much memory");
	request.fields = rpc_http_fields(call, &request.fields_n);
	if (exchange->upgrade && rpc_metadata(call, "sec-websocket-key").length == 0) {
		key[base64_write(span_of_bytes(&nonce, sizeof(nonce)), key)] = '\0';
		request.websocket_key = key;
	}
	if ((r = service_request_write(&request, &text, why)) == OK)
		exchange->head = text_span(&text);
	return r;
}

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
	body_find(exchange);
	if (head_write(exchange, &why) != OK) {
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

/* The one field of that name; false: there are two, which nobody reads in one way. */
static bool
field_one(const struct rpc_call *call, const char *name, struct span *out)
{
	size_t n, found = 0;
	const struct rpc_field *fields = rpc_http_fields(call, &n);

	*out = SPAN_NONE;
	for (size_t i = 0; i < n; i++)
		if (span_is(fields[i].name, name)) {
			*out = fields[i].value;
			found++;
		}
	return found <= 1;
}

/* A person follows a link, or types an address: what is shown is the service alone. */
static bool
is_navigation(const struct rpc_call *call, const struct service_origin *from)
{
	struct span method = rpc_metadata(call, ":method");

	return (span_is(method, "GET") || span_is(method, "HEAD")) && from->origin.length == 0 &&
	       span_is(rpc_metadata(call, "sec-fetch-mode"), "navigate") &&
	       span_is(rpc_metadata(call, "sec-fetch-dest"), "document");
}

/*
 * The page must be the service's own: a browser's requests reach this machine, and carry its client certificate, whatever
 * page sends them, also one of another sandbox's service.
 */
static bool
page_allowed(const struct rpc_call *call)
{
	bool tls = rpc_caller(call)->tls;
	struct service_origin from;

	if (!field_one(call, "sec-fetch-site", &from.fetch_site) || !field_one(call, "origin", &from.origin) ||
	    !field_one(call, "referer", &from.referer))
		return false;
	return service_same_origin(&from, rpc_http_host(call), tls) || (tls && is_navigation(call, &from));
}

bool
services_claim(void *self, struct span host)
{
	const struct api *api = self;
	struct service_name name;
	struct why why;

	return service_host_parse(host, &api->services.domains, &name, &why) != ERR_NOT_FOUND;
}

void
services_http(void *self, struct rpc_call *call, struct span method, struct span path)
{
	struct api *api = self;
	struct service_name name;
	struct exchange *exchange;
	struct why why;
	enum err r = service_host_parse(rpc_http_host(call), &api->services.domains, &name, &why);

	(void)method, (void)path;
	if (r == ERR_NOT_FOUND) {
		rpc_http_answer(call, 404, "text/plain", SPAN("not found\n"));
	} else if (!page_allowed(call)) {
		answer(call, 403, "Cross-origin service request rejected");
	} else if (r != OK) {
		answer(call, 404, "Service endpoint not found");
	} else {
		if ((exchange = calloc(1, sizeof(*exchange))) == NULL)
			abort();
		exchange->work = (struct work){.api = api, .call = call, .gone = gone, .writable = writable};
		rpc_set_state(call, &exchange->work);
		passage_set_queue(call);
		target_find(exchange, &name);
	}
}

void
services_input(void *self, struct rpc_call *call)
{
	struct exchange *exchange = rpc_state(call);

	(void)self;
	if (exchange != NULL)
		pump(exchange);
}
