/* Fuzzes what an upstream answers in HTTP/1.1: heads, bodies and ends come in order, and no byte more than was announced. */
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include "sandbox/router/upstream.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What the errand heard. */
static struct {
	bool head, over, has_length, tunnel;
	uint64_t left;
} heard;
static size_t room;

size_t
errand_room(struct errand *errand)
{
	(void)errand;
	return room;
}

void
errand_head(struct errand *errand, const struct http_head *head, bool has_body)
{
	(void)errand;
	if (heard.head || heard.over || (has_body && head->status < 200))
		abort();
	heard.head = head->status >= 200;
	heard.has_length = has_body && head->body == HTTP_BODY_LENGTH;
	heard.left = head->length;
}

void
errand_upgraded(struct errand *errand, const struct http_head *head)
{
	if (heard.head || !errand->request.upgrade || head->status != 101)
		abort();
	heard.head = heard.tunnel = true;
	errand->state = ERRAND_TUNNEL;
}

void
errand_answer(struct errand *errand, struct span bytes)
{
	(void)errand;
	if (!heard.head || heard.over || bytes.length > room || (heard.has_length && bytes.length > heard.left))
		abort();
	heard.left -= heard.has_length ? bytes.length : 0;
}

void
errand_answered(struct errand *errand, const struct http_field *trailers, size_t n)
{
	(void)errand, (void)trailers, (void)n;
	if (!heard.head || heard.over || (heard.has_length && heard.left > 0))
		abort();
	heard.over = true;
}

void
errand_fail(struct errand *errand, const char *code, const struct why *why)
{
	(void)errand, (void)code, (void)why;
	if (heard.over)
		abort();
	heard.over = true;
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
upstream_dead(struct upstream *upstream)
{
	upstream->state = UPSTREAM_DEAD;
}

/* The first byte says how it is asked and how it is cut; the rest is the answer. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sides sides = {0};
	struct errand errand = {.state = ERRAND_SENT, .body_ended = true};
	struct upstream upstream = {.state = UPSTREAM_OPEN, .used = true, .errand = &errand, .side = {.all = &sides}};

	if (size < 1)
		return 0;
	list_init(&sides.dirty);
	memset(&heard, 0, sizeof(heard));
	errand.upstream = &upstream;
	errand.request.head = (data[0] & 1) != 0;
	errand.request.upgrade = (data[0] & 2) != 0;
	room = (data[0] & 4) != 0 ? 7 : 4096;
	for (size_t at = 1, step = (data[0] >> 3) + 1u; at < size && !heard.over; at += step) {
		bytes_add(&upstream.side.in, span_of_bytes(data + at, size - at < step ? size - at : step));
		h1_turn(&upstream);
	}
	upstream.side.ended = true;
	h1_turn(&upstream);
	if (!heard.over && upstream.state == UPSTREAM_OPEN)
		abort(); /* nobody would ever end it */
	bytes_free(&upstream.side.in);
	bytes_free(&upstream.side.out);
	bytes_free(&errand.body);
	list_remove(&upstream.side.dirty);
	return 0;
}
