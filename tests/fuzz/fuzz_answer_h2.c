/* Fuzzes what an upstream answers in HTTP/2 to two requests: each hears its head before its body, and of its end once. */
#include <nghttp2/nghttp2.h>
#include <stdint.h>
#include <stdlib.h>

#include "sandbox/router/upstream.h"

#define ERRANDS 2

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What each errand heard. */
struct heard {
	struct errand errand;
	bool head, over;
};

static struct heard *
of(struct errand *errand)
{
	return (struct heard *)(void *)((char *)errand - offsetof(struct heard, errand));
}

size_t
errand_room(struct errand *errand)
{
	(void)errand;
	return 64;
}

void
errand_head(struct errand *errand, const struct http_head *head, bool has_body)
{
	if (of(errand)->head || of(errand)->over || (has_body && head->status < 200))
		abort();
	for (size_t i = 0; i < head->fields_n; i++)
		if (!http_token(head->fields[i].name) || !http_value_ok(head->fields[i].value))
			abort();
	of(errand)->head = head->status >= 200;
}

void
errand_answer(struct errand *errand, struct span bytes)
{
	(void)bytes;
	if (!of(errand)->head || of(errand)->over)
		abort();
}

void
errand_answered(struct errand *errand, const struct http_field *trailers, size_t n)
{
	(void)trailers, (void)n;
	if (!of(errand)->head || of(errand)->over)
		abort();
	of(errand)->over = true;
}

void
errand_fail(struct errand *errand, const char *code, const struct why *why)
{
	(void)code, (void)why;
	if (of(errand)->over)
		abort();
	of(errand)->over = true;
}

void
errand_body_taken(struct errand *errand, size_t n)
{
	bytes_take(&errand->body, n);
}

void
upstream_retry(struct errand *errand, bool untouched, const struct why *why)
{
	(void)untouched;
	errand_fail(errand, "", why);
}

void
upstream_idle(struct upstream *upstream)
{
	(void)upstream;
}

void
upstream_room(struct upstream *upstream)
{
	(void)upstream;
}

void
upstream_dead(struct upstream *upstream)
{
	upstream->state = UPSTREAM_DEAD;
}

static void
begin(struct upstream *upstream, struct heard *heard, bool with_body)
{
	struct errand *errand = &heard->errand;

	*heard = (struct heard){.errand = {.router = upstream->router, .upstream = upstream, .body_ended = !with_body}};
	errand->request.method = SPAN("GET");
	errand->request.target = SPAN("/");
	errand->request.authority = SPAN("up.test");
	list_append(&upstream->router->errands, &errand->link);
	if (!h2_kind.start(upstream, errand))
		abort();
}

/* The first byte says how it is cut; the rest is what the server writes. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct router router = {0};
	struct upstream upstream = {.router = &router, .state = UPSTREAM_OPEN, .side = {.all = &router.sides}};
	struct heard heard[ERRANDS];

	if (size < 1)
		return 0;
	list_init(&router.sides.dirty);
	list_init(&router.errands);
	upstream.side.self = &upstream;
	h2_open(&upstream);
	for (size_t i = 0; i < ERRANDS; i++)
		begin(&upstream, &heard[i], i == 1);
	upstream.side.fill(&upstream.side); /* streams get their numbers as they are written */
	for (size_t at = 1, step = data[0] + 1u; at < size && upstream.state == UPSTREAM_OPEN; at += step) {
		bytes_add(&upstream.side.in, span_of_bytes(data + at, size - at < step ? size - at : step));
		h2_turn(&upstream);
		if (upstream.state == UPSTREAM_OPEN) {
			bytes_free(&upstream.side.out);
			upstream.side.fill(&upstream.side);
		}
	}
	upstream.side.ended = true;
	h2_turn(&upstream);
	for (size_t i = 0; i < ERRANDS; i++)
		if (!heard[i].over && heard[i].errand.upstream != NULL)
			abort(); /* nobody would ever end it */
	h2_kind.drop(&upstream);
	bytes_free(&upstream.side.in);
	bytes_free(&upstream.side.out);
	list_remove(&upstream.side.dirty);
	return 0;
}
