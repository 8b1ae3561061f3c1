/* Errands: what the proxy asks, from its messages to an upstream and back. */
#include "sandbox/router/errand.h"

#include <sodium.h>
#include <stdlib.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/wire/websocket.h"
#include "sandbox/router/upstream.h"

static struct errand *
by_number(struct router *router, uint64_t number)
{
	struct errand *errand;

	list_each (errand, &router->errands, struct errand, link)
		if (errand->number == number && errand->state != ERRAND_OVER)
			return errand;
	return NULL;
}

/* ---- towards the proxy ---- */

/* It takes nothing: it is gone, or as good as gone. */
static void
untold(struct errand *errand, const struct why *why)
{
	log_debug("errand.untold", "why=%s", log_quote(span_of_text(why->text)));
	errand->state = ERRAND_OVER;
}

static void
tell_end(struct errand *errand, const char *code, const struct why *why)
{
	struct msg m = {.id = ROUTE_END,
	    .route_end = {.stream = errand->number,
		.code = span_of_text(code),
		.reason = *code == 0 ? SPAN_NONE : span_head(span_of_text(why->text), 512),
		.begun = errand->begun,
		.trailers = errand->trailers,
		.trailers_n = *code == 0 ? errand->trailers_n : 0}};
	struct why wrong = {0};

	errand->state = ERRAND_OVER;
	loop_timer_stop(errand->router->loop, &errand->late);
	if (errand->router->proxy != NULL && peer_tell(errand->router->proxy, &m, &wrong) != OK)
		untold(errand, &wrong);
}

static void
leave(struct errand *errand)
{
	struct upstream *upstream = errand->upstream;

	list_remove(&errand->waiting);
	if (upstream == NULL)
		return;
	if (upstream->kind != NULL)
		upstream->kind->leave(errand);
	errand->upstream = NULL;
}

void
errand_fail(struct errand *errand, const char *code, const struct why *why)
{
	if (errand->state == ERRAND_OVER)
		return;
	log_info("errand.failed", "host=%s code=%s why=%s", errand->request.host == NULL ? "" : errand->request.host, code,
	    log_quote(span_of_text(why->text)));
	tell_end(errand, code, why);
	leave(errand);
}

void
errand_free(struct errand *errand)
{
	struct router *router = errand->router;

	leave(errand);
	loop_timer_stop(router->loop, &errand->late);
	list_remove(&errand->link);
	router->errands_n--;
	request_done(&errand->request);
	bytes_free(&errand->body);
	bytes_free(&errand->answer);
	bytes_free(&errand->message);
	free(errand);
}

void
errands_drop(struct router *router)
{
	struct errand *errand;

	list_each (errand, &router->errands, struct errand, link) {
		leave(errand);
		errand->state = ERRAND_OVER;
	}
}

/* ---- the answer ---- */

static struct span
masked(struct errand *errand, struct span value)
{
	struct span copy = value;

	if (errand->request.mask.n > 0 && arena_span(&errand->request.memory, value, &copy) == OK)
		(void)mask_cover(&errand->request.mask, (char *)(uintptr_t)copy.at, copy.length);
	return copy;
}

static void
tell_head(struct errand *errand, const struct http_head *head, bool has_body, bool upgraded)
{
	struct msg_plain_field fields[HTTP_FIELDS_MAX];
	struct msg m = {.id = ROUTE_HEAD,
	    .route_head = {.stream = errand->number,
		.status = (uint16_t)head->status,
		.fields = fields,
		.no_body = !has_body,
		.has_length = head->has_length,
		.length = head->length,
		.upgraded = upgraded}};
	struct why why = {0};

	for (size_t i = 0; i < head->fields_n; i++)
		if (!head->fields[i].hop && head->fields[i].known != HTTP_CONTENT_LENGTH && head->fields[i].name.length <= 256)
			fields[m.route_head.fields_n++] =
			    (struct msg_plain_field){head->fields[i].name, masked(errand, head->fields[i].value)};
	if (peer_tell(errand->router->proxy, &m, &why) != OK)
		untold(errand, &why);
}

/* What can go, goes; false: it is over. */
static void
answer_flush(struct errand *errand)
{
	struct span waiting = bytes_span(&errand->answer);
	size_t ready = waiting.length, n;
	struct why why = {0};

	if (errand->request.mask.n > 0 && ready > 0) {
		ready = mask_cover(&errand->request.mask, errand->answer.at + errand->answer.begin, waiting.length);
		if (errand->answer_ended)
			ready = waiting.length;
	}
	while (ready > 0 && errand->state != ERRAND_OVER && (n = stream_room(&errand->out)) > 0) {
		n = n < ready ? n : ready;
		if (stream_send(&errand->out, bytes_span(&errand->answer).at, n, &why) != OK)
			untold(errand, &why);
		bytes_take(&errand->answer, n);
		ready -= n;
	}
	if (bytes_length(&errand->answer) == 0)
		bytes_free(&errand->answer);
	if (errand->state == ERRAND_OVER || !errand->answer_ended || bytes_length(&errand->answer) > 0)
		return;
	if (!errand->no_body && stream_finish(&errand->out, &why) != OK)
		untold(errand, &why);
	else
		tell_end(errand, "", NULL);
}

size_t
errand_room(struct errand *errand)
{
	size_t waiting = bytes_length(&errand->answer);

	if (errand->request.mask.n == 0 && waiting == 0)
		return stream_room(&errand->out);
	return waiting < ERRAND_ANSWER_BYTES && stream_room(&errand->out) > 0 ? ERRAND_ANSWER_BYTES - waiting : 0;
}

void
errand_answer(struct errand *errand, struct span bytes)
{
	struct why why = {0};

	if (errand->state == ERRAND_OVER)
		return;
	if (errand->request.mask.n == 0 && bytes_length(&errand->answer) == 0 && bytes.length <= stream_room(&errand->out)) {
		if (stream_send(&errand->out, bytes.at, bytes.length, &why) != OK)
			untold(errand, &why);
		return;
	}
	bytes_add(&errand->answer, bytes);
	answer_flush(errand);
}

static void
keep_trailers(struct errand *errand, const struct http_field *trailers, size_t n)
{
	struct arena *memory = &errand->request.memory;

	if (n == 0 || (errand->trailers = arena_array(memory, n, sizeof(*errand->trailers))) == NULL)
		return;
	for (size_t i = 0; i < n && errand->trailers_n < 64; i++) {
		struct msg_plain_field *to = &errand->trailers[errand->trailers_n];

		if (!trailers[i].hop && trailers[i].name.length <= 256 && arena_span(memory, trailers[i].name, &to->name) == OK &&
		    arena_span(memory, masked(errand, trailers[i].value), &to->value) == OK)
			errand->trailers_n++;
	}
}

void
errand_answered(struct errand *errand, const struct http_field *trailers, size_t n)
{
	if (errand->state == ERRAND_OVER || errand->answer_ended)
		return;
	keep_trailers(errand, trailers, n);
	errand->answer_ended = true;
	answer_flush(errand);
}

void
errand_head(struct errand *errand, const struct http_head *head, bool has_body)
{
	if (errand->state == ERRAND_OVER)
		return;
	tell_head(errand, head, has_body, false);
	if (head->status < 200)
		return;
	errand->head_told = true;
	errand->no_body = !has_body;
	loop_timer_stop(errand->router->loop, &errand->late);
}

void
errand_upgraded(struct errand *errand, const struct http_head *head)
{
	struct why why = {0};

	tell_head(errand, head, true, true);
	errand->head_told = true;
	errand->state = errand->state == ERRAND_OVER ? ERRAND_OVER : ERRAND_TUNNEL;
	loop_timer_stop(errand->router->loop, &errand->late);
	if (errand->state == ERRAND_TUNNEL &&
	    stream_in_open(&errand->in, errand->router->proxy, errand->number, 0, STREAM_WINDOW_BYTES, &why) != OK)
		untold(errand, &why);
}

/* ---- the body ---- */

void
errand_body_taken(struct errand *errand, size_t n)
{
	struct why why = {0};
	size_t owed = n < errand->body_owed ? n : errand->body_owed;

	bytes_take(&errand->body, n);
	if (bytes_length(&errand->body) == 0)
		bytes_free(&errand->body);
	errand->body_owed -= owed;
	if (owed > 0 && stream_used(&errand->in, owed, &why) != OK)
		untold(errand, &why);
}

static void
pump(struct errand *errand)
{
	if (errand->upstream != NULL && errand->upstream->kind != NULL)
		errand->upstream->kind->pump(errand);
}

/* ---- what the proxy says ---- */

static void
head_late(void *self)
{
	struct errand *errand = self;
	struct why why = {0};

	fail(&why, ERR_TIMEOUT, "no answer within %u ms", errand->request.head_ms);
	errand_fail(errand, "timeout", &why);
	router_settle(errand->router);
}

static void
send(struct errand *errand)
{
	if (errand->request.head_ms > 0)
		loop_timer_set(errand->router->loop, &errand->late, errand->request.head_ms, head_late, errand);
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
			untold(errand, &why);
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
	router_settle(router);
	return OK;
}

static void
message_send(struct errand *errand)
{
	struct bytes *message = &errand->message;
	uint8_t head[WEBSOCKET_HEAD_BYTES], key[4];
	size_t length = bytes_length(message);

	randombytes_buf(key, sizeof(key));
	bytes_add(&errand->body,
	    span_of_bytes(head, websocket_head_write(WEBSOCKET_TEXT, true, false, length, key, head)));
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

	if (request_pieces(errand->router->vault, &errand->request, in->pieces, in->pieces_n, (uint64_t)clock_wall_ms(), to, &code,
		&why) != OK) {
		errand_fail(errand, code, &why);
		return;
	}
	if (bytes_length(to) > (tunnel ? WEBSOCKET_TEXT_BYTES : ERRAND_PIECES_BYTES * 2)) {
		fail(&why, ERR_LIMIT, "a body with slots of over %u bytes", ERRAND_PIECES_BYTES);
		errand_fail(errand, "credential_unsafe", &why);
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
	router_settle(router);
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
	leave(errand);
	errand->state = ERRAND_OVER;
	router_settle(router);
	return OK;
}

/* The proxy breaks the rules of streams: that one is ended. */
static void
breach(struct errand *errand, const struct why *why)
{
	log_warning("errand.breach", "why=%s", log_quote(span_of_text(why->text)));
	errand_fail(errand, "upstream_broken", why);
}

static bool
takes_body(const struct errand *errand)
{
	return errand->in.peer != NULL && !errand->body_ended;
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
	if (!takes_body(errand) || stream_take(&errand->in, &m->stream_data, &wrong) != OK ||
	    body_come(errand, m->stream_data.bytes, &wrong) != OK)
		breach(errand, &wrong);
	else
		pump(errand);
	router_settle(router);
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
	if (!takes_body(errand) || stream_ended(&errand->in, &m->stream_end, &wrong) != OK)
		breach(errand, &wrong);
	else if (errand->request.body == REQUEST_LENGTH && errand->body_came < errand->request.length) {
		fail(&wrong, ERR_PROTOCOL, "a body shorter than its length");
		breach(errand, &wrong);
	} else {
		errand->body_ended = true;
		pump(errand);
	}
	router_settle(router);
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
		answer_flush(errand);
	if (errand->state != ERRAND_OVER && errand->upstream != NULL && errand->upstream->kind != NULL)
		errand->upstream->kind->resume(errand);
	router_settle(router);
	return OK;
}

/* ---- the end of a callback ---- */

void
router_settle(void *self)
{
	struct router *router = self;
	struct errand *errand;
	bool over;

	do {
		over = false;
		sides_flush(&router->sides);
		list_each (errand, &router->errands, struct errand, link)
			if (errand->state == ERRAND_OVER) {
				over = true;
				errand_free(errand);
			}
		upstreams_bury(router);
	} while (over);
}
