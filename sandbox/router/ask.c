/* Asking: each message of the proxy about a request, from route_open to its close. */
#include "sandbox/router/ask.h"

#include <sodium.h>
#include <stdlib.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/wire/websocket.h"
#include "sandbox/router/grant.h"
#include "sandbox/router/upstream.h"

#define PIECES_BYTES  (256u << 10) /* of a body with slots, before they are filled */
#define WAITING_BYTES (8u << 20)   /* of messages with slots that the server has not read: they come without credit */

static struct errand *
by_number(struct router *router, uint64_t number)
{
	struct errand *errand;

	list_each(errand, &router->errands, struct errand, link)
		if (errand->number == number && errand->state != ERRAND_OVER)
			return errand;
	return NULL;
}

static void
pump(struct errand *errand)
{
	if (errand->upstream != NULL)
		errand->kind->pump(errand);
}

/* ---- beginning ---- */

static void
head_late(void *self)
{
	struct errand *errand = self;
	struct why why = {0};

	fail(&why, ERR_TIMEOUT, "no answer within %u ms", errand->request.head_ms);
	errand_fail(errand, "timeout", &why);
	errand->router->sides.settle(errand->router);
}

static void
send(struct errand *errand)
{
	if (errand->request.head_ms > 0)
		loop_timer_set(errand->router->loop, &errand->late, errand->request.head_ms, head_late, errand);
	grant_ready(errand);
}

void
grant_ready(struct errand *errand)
{
	if (errand->state == ERRAND_OVER)
		return;
	if (errand->request.granting == NULL || errand->request.granted || grant_put(errand))
		upstream_send(errand);
}

static struct errand *
errand_new(struct router *router, uint64_t number)
{
	struct errand *errand = calloc(1, sizeof(*errand));

	if (errand == NULL)
		abort();
	errand->router = router;
	errand->number = number;
	list_append(&router->errands, &errand->link);
	router->errands_n++;
	stream_out_init(&errand->out, router->proxy, number, 1);
	return errand;
}

static void
begin(struct errand *errand, const struct msg_route_open *in)
{
	struct router *router = errand->router;
	struct why why = {0};
	const char *code = "";
	enum err r;

	if (router->errands_n > ERRANDS_MAX) {
		fail(&why, ERR_LIMIT, "%u requests are under way", ERRANDS_MAX);
		errand_fail(errand, "busy", &why);
		return;
	}
	if (request_make(router->vault, in, (uint64_t)clock_wall_ms(), &errand->request, &code, &why) != OK) {
		errand_fail(errand, code, &why);
		return;
	}
	if (errand->request.body == REQUEST_PIECES) {
		errand->state = ERRAND_GATHERS;
		return;
	}
	errand->body_ended = errand->request.body == REQUEST_EMPTY && !errand->request.upgrade;
	if (errand->request.body == REQUEST_LENGTH || errand->request.body == REQUEST_STREAMED) {
		r = stream_in_open(&errand->in, router->proxy, errand->number, 0, STREAM_WINDOW_BYTES, &why);
		if (r != OK) {
			errand_untold(errand, &why);
			return;
		}
	}
	send(errand);
}

/*
 * Send this judged request.
 *
 * in      route_open, from the proxy
 * out     route_head, channel 1 and route_end follow
 * errors  ERR_DENIED from another; ERR_EXISTS that number is under way
 */
enum err
route_open(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	struct router *router = self;

	(void)answer;
	if (m->from != router->proxy)
		return fail(why, ERR_DENIED, "only the proxy asks");
	if (by_number(router, m->route_open.stream) != NULL)
		return fail(why, ERR_EXISTS, "stream %llu is under way", (unsigned long long)m->route_open.stream);
	begin(errand_new(router, m->route_open.stream), &m->route_open);
	router->sides.settle(router);
	return OK;
}

static void
message_send(struct errand *errand)
{
	struct bytes *message = &errand->message;
	uint8_t head[WEBSOCKET_HEAD_BYTES], key[4];
	size_t length = bytes_length(message);

	randombytes_buf(key, sizeof(key));
	bytes_add(
	    &errand->body, span_of_bytes(head, websocket_head_write(WEBSOCKET_TEXT, true, false, length, key, head)));
	websocket_mask(message->at + message->begin, length, key, 0);
	bytes_add(&errand->body, bytes_span(message));
	bytes_take(message, length);
	bytes_free(message);
}

static void
pieces(struct errand *errand, const struct msg_route_pieces *in)
{
	bool tunnel = errand->state == ERRAND_TUNNEL;
	struct bytes *to = tunnel ? &errand->message : &errand->body;
	struct why why = {0};
	const char *code = "";

	if (request_pieces(errand->router->vault, &errand->request, in->pieces, in->pieces_n, (uint64_t)clock_wall_ms(),
		to, &code, &why) != OK) {
		errand_fail(errand, code, &why);
		return;
	}
	if (bytes_length(to) > (tunnel ? WEBSOCKET_TEXT_BYTES : PIECES_BYTES * 2)) {
		fail(&why, ERR_LIMIT, "a body with slots of over %u bytes", PIECES_BYTES);
		errand_fail(errand, "credential_unsafe", &why);
		return;
	}
	if (tunnel && bytes_length(&errand->body) > WAITING_BYTES) {
		fail(&why, ERR_LIMIT, "the server does not read: over %u bytes of messages wait", WAITING_BYTES);
		errand_fail(errand, "upstream_broken", &why);
		return;
	}
	if (!in->last)
		return;
	if (tunnel) {
		message_send(errand);
		pump(errand);
		return;
	}
	errand->body_ended = true;
	errand->request.length = bytes_length(to);
	errand->state = ERRAND_WAITS;
	send(errand);
}

/*
 * Some of a body with slots, or a WebSocket message.
 *
 * in      route_pieces, from the proxy
 * errors  ERR_PROTOCOL none are wanted
 */
enum err
route_pieces(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	struct router *router = self;
	struct errand *errand = by_number(router, m->route_pieces.stream);

	(void)answer;
	if (m->from != router->proxy || errand == NULL)
		return OK; /* over meanwhile */
	if (errand->state != ERRAND_GATHERS && errand->state != ERRAND_TUNNEL)
		return fail(why, ERR_PROTOCOL, "pieces of a request that has none");
	pieces(errand, &m->route_pieces);
	router->sides.settle(router);
	return OK;
}

/*
 * The agent has left.
 *
 * in      route_close, from the proxy
 */
enum err
route_close(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	struct router *router = self;
	struct errand *errand = by_number(router, m->route_close.stream);

	(void)answer;
	(void)why;
	if (m->from != router->proxy || errand == NULL)
		return OK;
	errand_leave(errand);
	errand->state = ERRAND_OVER;
	router->sides.settle(router);
	return OK;
}

/* The proxy breaks the rules of streams: that one is ended. */
static void
breach(struct errand *errand, const struct why *why)
{
	log_warning("errand.breach", "why=%s", log_quote(span_of_text(why->text)));
	errand_fail(errand, "upstream_broken", why);
}

static enum err
takes_body(const struct errand *errand, struct why *why)
{
	if (errand->in.peer == NULL || errand->body_ended)
		return fail(why, ERR_PROTOCOL, "bytes of a body that was not announced, or behind its end");
	return OK;
}

static enum err
body_come(struct errand *errand, struct span bytes, struct why *why)
{
	errand->body_came += bytes.length;
	if (errand->request.body == REQUEST_LENGTH && errand->body_came > errand->request.length)
		return fail(why, ERR_PROTOCOL, "a body longer than its length");
	bytes_add(&errand->body, bytes);
	errand->body_owed += bytes.length;
	return OK;
}

/*
 * Bytes of a body, or of an upgraded connection.
 *
 * in      stream_data on channel 0, from the proxy
 */
enum err
route_data(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	struct router *router = self;
	struct errand *errand = by_number(router, m->stream_data.stream);
	struct why wrong = {0};

	(void)answer;
	(void)why;
	if (m->from != router->proxy || errand == NULL || m->stream_data.channel != 0)
		return OK;
	if (takes_body(errand, &wrong) != OK || stream_take(&errand->in, &m->stream_data, &wrong) != OK ||
	    body_come(errand, m->stream_data.bytes, &wrong) != OK)
		breach(errand, &wrong);
	else
		pump(errand);
	router->sides.settle(router);
	return OK;
}

/*
 * What stands behind the body.
 *
 * in      route_trailers, from the proxy
 */
enum err
route_trailers(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	struct router *router = self;
	struct errand *errand = by_number(router, m->route_trailers.stream);
	const struct msg_route_trailers *in = &m->route_trailers;
	struct why wrong = {0};
	enum err r;

	(void)answer;
	(void)why;
	if (m->from != router->proxy || errand == NULL)
		return OK; /* over meanwhile */
	r = errand->state == ERRAND_GATHERS ? OK : takes_body(errand, &wrong);
	if (r == OK && (errand->state == ERRAND_TUNNEL || errand->request.trailers != NULL))
		r = fail(&wrong, ERR_PROTOCOL, "trailers of what has none, or twice");
	if (r != OK)
		breach(errand, &wrong);
	else if (request_trailers(&errand->request, in->trailers, in->trailers_n, &wrong) != OK)
		errand_fail(errand, "credential_unsafe", &wrong);
	router->sides.settle(router);
	return OK;
}

/*
 * All of the body came.
 *
 * in      stream_end on channel 0, from the proxy
 */
enum err
route_finish(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	struct router *router = self;
	struct errand *errand = by_number(router, m->stream_end.stream);
	struct why wrong = {0};

	(void)answer;
	(void)why;
	if (m->from != router->proxy || errand == NULL || m->stream_end.channel != 0)
		return OK;
	if (takes_body(errand, &wrong) != OK || stream_ended(&errand->in, &m->stream_end, &wrong) != OK)
		breach(errand, &wrong);
	else if (errand->request.body == REQUEST_LENGTH && errand->body_came < errand->request.length) {
		fail(&wrong, ERR_PROTOCOL, "a body shorter than its length");
		breach(errand, &wrong);
	} else {
		errand->body_ended = true;
		pump(errand);
	}
	router->sides.settle(router);
	return OK;
}

/*
 * Credit for an answer.
 *
 * in      stream_grant on channel 1, from the proxy
 */
enum err
route_grant(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	struct router *router = self;
	struct errand *errand = by_number(router, m->stream_grant.stream);
	struct why wrong = {0};

	(void)answer;
	(void)why;
	if (m->from != router->proxy || errand == NULL || m->stream_grant.channel != 1)
		return OK;
	if (stream_granted(&errand->out, &m->stream_grant, &wrong) != OK)
		breach(errand, &wrong);
	else
		errand_flush(errand);
	if (errand->state != ERRAND_OVER && errand->upstream != NULL)
		errand->kind->resume(errand);
	router->sides.settle(router);
	return OK;
}
