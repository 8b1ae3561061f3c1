/* Errands: what the proxy is told of each, and its end. */
#include "sandbox/router/errand.h"

#include <stdlib.h>

#include "common/base/log.h"

/* ---- towards the proxy ---- */

void
errand_untold(struct errand *errand, const struct why *why)
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
		errand_untold(errand, &wrong);
}

void
errand_leave(struct errand *errand)
{
	list_remove(&errand->waiting);
	if (errand->upstream != NULL)
		errand->kind->leave(errand);
	errand->upstream = NULL;
}

void
errand_fail(struct errand *errand, const char *code, const struct why *why)
{
	if (errand->state == ERRAND_OVER)
		return;
	log_info("errand.failed", "host=%s code=%s why=%s", log_quote(span_of_text(errand->request.host)), code,
	    log_quote(span_of_text(why->text)));
	tell_end(errand, code, why);
	errand_leave(errand);
}

void
errand_free(struct errand *errand)
{
	struct router *router = errand->router;

	errand_leave(errand);
	loop_timer_stop(router->loop, &errand->late);
	list_remove(&errand->link);
	router->errands_n--;
	request_done(&errand->request);
	bytes_free(&errand->body);
	bytes_free(&errand->answer);
	bytes_free(&errand->message);
	free(errand);
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
		if (!head->fields[i].hop && head->fields[i].known != HTTP_CONTENT_LENGTH &&
		    head->fields[i].name.length <= 256)
			fields[m.route_head.fields_n++] =
			    (struct msg_plain_field){head->fields[i].name, masked(errand, head->fields[i].value)};
	if (peer_tell(errand->router->proxy, &m, &why) != OK)
		errand_untold(errand, &why);
}

void
errand_flush(struct errand *errand)
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
			errand_untold(errand, &why);
		bytes_take(&errand->answer, n);
		ready -= n;
	}
	if (bytes_length(&errand->answer) == 0)
		bytes_free(&errand->answer);
	if (errand->state == ERRAND_OVER || !errand->answer_ended || bytes_length(&errand->answer) > 0)
		return;
	if (!errand->no_body && stream_finish(&errand->out, &why) != OK)
		errand_untold(errand, &why);
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
	if (errand->request.mask.n == 0 && bytes_length(&errand->answer) == 0 &&
	    bytes.length <= stream_room(&errand->out)) {
		if (stream_send(&errand->out, bytes.at, bytes.length, &why) != OK)
			errand_untold(errand, &why);
		return;
	}
	bytes_add(&errand->answer, bytes);
	errand_flush(errand);
}

static void
keep_trailers(struct errand *errand, const struct http_field *trailers, size_t n)
{
	struct arena *memory = &errand->request.memory;

	if (n == 0 || (errand->trailers = arena_array(memory, n, sizeof(*errand->trailers))) == NULL)
		return;
	for (size_t i = 0; i < n && errand->trailers_n < 64; i++) {
		struct msg_plain_field *to = &errand->trailers[errand->trailers_n];

		if (!trailers[i].hop && trailers[i].name.length <= 256 &&
		    arena_span(memory, trailers[i].name, &to->name) == OK &&
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
	errand_flush(errand);
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
		errand_untold(errand, &why);
}

/* ---- the body ---- */

void
errand_body_taken(struct errand *errand, size_t n)
{
	struct why why = {0};
	size_t owed = n < errand->body_owed ? n : errand->body_owed;

	errand->body_begun |= n > 0;
	bytes_take(&errand->body, n);
	if (bytes_length(&errand->body) == 0)
		bytes_free(&errand->body);
	errand->body_owed -= owed;
	if (owed > 0 && stream_used(&errand->in, owed, &why) != OK)
		errand_untold(errand, &why);
}
