/* Requests by the router, on their way back: heads, bodies and ends of answers, and what is said where there is none. */
#include "common/base/clean.h"
#include "sandbox/proxy/event.h"
#include "sandbox/proxy/routed_inside.h"

/* ---- what is said when it fails ---- */

/* Codes of route_end, and our own: what the agent is told. */
static const struct refused {
	const char *code;
	unsigned status;
	const char *error, *words; /* words: in place of the router's */
	const char *finding;
} rows[] = {
    {"credential_endpoint_mismatch", 403, "credential_endpoint_mismatch",
	"Credential is not authorized for this request endpoint", "openshell.provider_credential.endpoint_mismatch"},
    {"credential_unavailable", 403, "credential_unavailable", NULL, NULL},
    {"credential_expired", 403, "credential_unavailable", NULL, NULL},
    {"credential_unsafe", 403, "credential_injection_failed", NULL, NULL},
    {"token_grant_failed", 502, "token_grant_failed", "No token could be had for this request", NULL},
    {"upstream_unreachable", 502, "upstream_unreachable", NULL, NULL},
    {"upstream_certificate", 502, "upstream_unreachable", NULL, NULL},
    {"upstream_broken", 502, "upstream_unreachable", NULL, NULL},
    {"timeout", 502, "upstream_unreachable", NULL, NULL},
    {"busy", 503, "credential_unavailable", NULL, NULL},
    {"router_away", 503, "credential_unavailable", NULL, NULL},
};

static const struct refused *
row_of(struct span code)
{
	for (size_t i = 0; i < COUNT(rows); i++)
		if (span_is(code, rows[i].code))
			return &rows[i];
	return &rows[7]; /* a word that we do not know: it broke */
}

/* Where somebody tried what must not be: a finding, without any value. */
static void
tell(struct exchange *exchange, const struct refused *row, struct span reason)
{
	struct http *http = exchange->http;
	struct event finding = {.class = EVENT_FINDING,
	    .activity = "CREATE",
	    .severity = EVENT_HIGH,
	    .action = EVENT_DENIED,
	    .head = row->finding,
	    .method = exchange->request.method,
	    .path = exchange->target.path,
	    .code = span_of_text(row->code)};

	http_event(http, exchange, NULL, EVENT_DENIED, exchange->policy, SPAN_NONE, span_of_text(row->code), reason);
	if (row->finding != NULL)
		connection_event(http->connection, &finding);
}

static void
refuse(struct exchange *exchange, const struct refused *row, struct span reason)
{
	struct refusal refusal = {.status = row->status,
	    .error = row->error,
	    .detail = row->words != NULL ? span_of_text(row->words) : reason,
	    .detail_name = row->words != NULL ? "message" : NULL};

	exchange_refuse(exchange, &refusal);
}

void
routed_failed(struct routed *routed, struct span code, struct span reason, bool begun)
{
	struct exchange *exchange = routed->exchange;
	const struct routed_watch *watch = routed->watch;
	const struct front *front = exchange->http->front;

	if (begun)
		exchange_tell(exchange);
	if (exchange->http->tunnel != NULL) {
		tell(exchange, row_of(code), reason);
		routed_tunnel_ended(routed, code, reason);
	} else if (exchange->answer_begun) {
		if (watch != NULL && watch->end != NULL && watch->end(exchange, false))
			return;
		exchange_let_go(exchange);
		front->broken(exchange);
	} else if (watch == NULL || watch->failed == NULL || !watch->failed(exchange, code, reason, begun)) {
		tell(exchange, row_of(code), reason);
		refuse(exchange, row_of(code), reason);
	}
}

/* ---- bodies ---- */

static void
whole(struct routed *routed)
{
	struct exchange *exchange = routed->exchange;

	if (routed->watch != NULL && routed->watch->end != NULL && routed->watch->end(exchange, true))
		return;
	exchange_answer_end(exchange, routed->trailers, routed->trailers_n);
}

void
routed_drain(struct routed *routed)
{
	struct exchange *exchange = routed->exchange;
	const struct front *front = exchange->http->front;
	struct bytes *in = &exchange->upstream.in;
	struct why why;
	size_t most;

	while (bytes_length(in) > 0 && (most = front->room(exchange)) > 0) {
		struct span bytes = span_head(bytes_span(in), most);

		if (routed->watch != NULL && routed->watch->body != NULL && !routed->watch->body(exchange, bytes))
			return;
		front->body(exchange, bytes);
		if (routed->exchange == NULL)
			return;
		bytes_take(in, bytes.length);
		if (stream_used(&routed->down, bytes.length, &why) != OK)
			return; /* its channel goes down, and this with it */
	}
	if (bytes_length(in) == 0)
		bytes_free(in);
	if (routed->whole && bytes_length(in) == 0)
		whole(routed);
}

/* ---- heads ---- */

static void
head_of(const struct msg_route_head *from, struct http_head *out)
{
	memset(out, 0, offsetof(struct http_head, fields));
	out->status = from->status;
	out->minor = 1;
	out->keep_alive = true;
	out->has_length = from->has_length;
	out->length = from->length;
	out->body = from->no_body ? HTTP_BODY_NONE : from->has_length ? HTTP_BODY_LENGTH : HTTP_BODY_CHUNKED;
	for (size_t i = 0; i < from->fields_n && i < HTTP_FIELDS_MAX; i++)
		out->fields[out->fields_n++] = http_field_of(from->fields[i].name, from->fields[i].value);
}

static void
head_take(struct routed *routed, const struct msg_route_head *in)
{
	struct exchange *exchange = routed->exchange;
	struct http_head answer;

	exchange_tell(exchange);
	head_of(in, &answer);
	if (routed->head || exchange->http->tunnel != NULL) {
		routed_failed(routed, SPAN("upstream_broken"), SPAN("a second answer"), true);
	} else if (in->upgraded) {
		routed_upgraded(routed, &answer);
	} else if (answer.status == 101) {
		routed_failed(routed, SPAN("upstream_broken"), SPAN("the server switched protocols unasked"), true);
	} else if (answer.status < 200) {
		exchange_answer(exchange, &answer);
	} else {
		routed->head = true;
		if (routed->watch == NULL || routed->watch->head == NULL || !routed->watch->head(exchange, &answer))
			exchange_answer(exchange, &answer);
	}
}

/* ---- from the router; what is about a request that is over is late and nothing else ---- */

static struct routed *
find(struct proxy *proxy, const struct msg *m, uint64_t number)
{
	return m->from == proxy->router ? slots_get(&proxy->routes, number) : NULL;
}

/* The head of an answer. */
enum err
route_head(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	struct routed *routed = find(self, m, m->route_head.stream);
	struct http *http = routed == NULL ? NULL : routed->back.http;

	(void)answer, (void)why;
	if (routed == NULL)
		return OK;
	head_take(routed, &m->route_head);
	http_settle(http);
	return OK;
}

/* Some of its body. */
enum err
routed_data(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	struct routed *routed = find(self, m, m->stream_data.stream);
	struct http *http = routed == NULL ? NULL : routed->back.http;
	enum err r;

	(void)answer;
	if (routed == NULL)
		return OK;
	if (m->stream_data.channel != 1)
		return fail(why, ERR_PROTOCOL, "bytes on channel %u", m->stream_data.channel);
	if ((r = stream_take(&routed->down, &m->stream_data, why)) != OK)
		return r;
	if (http->tunnel != NULL) {
		routed_tunnel_data(routed, m->stream_data.bytes);
	} else if (!routed->head) {
		routed_failed(routed, SPAN("upstream_broken"), SPAN("a body without a head"), true);
	} else {
		bytes_add(&routed->exchange->upstream.in, m->stream_data.bytes);
		routed_drain(routed);
	}
	http_settle(http);
	return OK;
}

/* Credit for a request's body. */
enum err
routed_credit(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	struct routed *routed = find(self, m, m->stream_grant.stream);
	struct http *http = routed == NULL ? NULL : routed->back.http;
	enum err r;

	(void)answer;
	if (routed == NULL)
		return OK;
	if (m->stream_grant.channel != 0)
		return fail(why, ERR_PROTOCOL, "credit on channel %u", m->stream_grant.channel);
	if ((r = stream_granted(&routed->up, &m->stream_grant, why)) != OK)
		return r;
	if (http->tunnel != NULL)
		side_touch(&routed->back.side);
	else
		routed_pump(routed);
	http_settle(http);
	return OK;
}

/* No more of its body comes. */
enum err
routed_data_end(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	struct routed *routed = find(self, m, m->stream_end.stream);
	struct http *http = routed == NULL ? NULL : routed->back.http;
	enum err r;

	(void)answer;
	if (routed == NULL)
		return OK;
	if (m->stream_end.channel != 1)
		return fail(why, ERR_PROTOCOL, "the end of channel %u", m->stream_end.channel);
	if ((r = stream_ended(&routed->down, &m->stream_end, why)) != OK)
		return r;
	if (http->tunnel != NULL) {
		routed_tunnel_data(routed, SPAN_NONE);
		http_settle(http);
	}
	return OK;
}

/* Trailers into the exchange's memory; there are none where there is no room for them. */
static void
trailers_keep(struct routed *routed, const struct msg_route_end *in)
{
	struct exchange *exchange = routed->exchange;
	struct http_field *fields =
	    in->trailers_n == 0 ? NULL : exchange_alloc(exchange, in->trailers_n * sizeof(*fields));

	for (size_t i = 0; fields != NULL && i < in->trailers_n; i++) {
		fields[i] = http_trailer_of(exchange_copy(exchange, in->trailers[i].name), in->trailers[i].value);
		fields[i].value = exchange_copy(exchange, in->trailers[i].value);
		fields[i].hop |= fields[i].name.length == 0;
	}
	routed->trailers = fields;
	routed->trailers_n = fields == NULL ? 0 : in->trailers_n;
}

/* It is over: whole, or why not. */
enum err
route_end(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	struct routed *routed = find(self, m, m->route_end.stream);
	const struct msg_route_end *in = &m->route_end;
	struct http *http = routed == NULL ? NULL : routed->back.http;

	(void)answer, (void)why;
	if (routed == NULL)
		return OK;
	routed->over = true;
	if (in->code.length > 0) {
		routed_failed(routed, in->code, in->reason, in->begun);
	} else if (http->tunnel != NULL) {
		routed_tunnel_ended(routed, SPAN_NONE, SPAN_NONE);
	} else if (!routed->head) {
		routed_failed(routed, SPAN("upstream_broken"), SPAN("an end without an answer"), true);
	} else {
		trailers_keep(routed, in);
		routed->whole = true;
		routed_drain(routed);
	}
	http_settle(http);
	return OK;
}
