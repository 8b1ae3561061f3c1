/* An exchange's memory: used again for the next one, small pieces within it, the rest below a ceiling. */
#include <stdlib.h>

#include "sandbox/proxy/inject.h"
#include "sandbox/proxy/proxy.h"

/* One that was used before, its first word leading to the next. */
static struct exchange *
spare_take(struct proxy *proxy)
{
	struct exchange *exchange = proxy->spares;

	if (exchange == NULL)
		return NULL;
	proxy->spares = exchange->http;
	proxy->spares_n--;
	return exchange;
}

struct exchange *
exchange_new(struct http *http)
{
	struct exchange *exchange = spare_take(http->connection->proxy);

	if (exchange == NULL && (exchange = malloc(sizeof(*exchange))) == NULL)
		abort();
	memset(exchange, 0, offsetof(struct exchange, request));
	memset(&exchange->request, 0, offsetof(struct http_head, fields));
	exchange->http = http;
	exchange->more.max_bytes = EXCHANGE_BYTES;
	exchange->front.exchange = exchange->upstream.exchange = exchange;
	list_append(&http->exchanges, &exchange->link);
	http->exchanges_n++;
	return exchange;
}

static void
flow_free(struct flow *flow)
{
	bytes_free(&flow->in);
	bytes_free(&flow->out);
}

void
exchange_free(struct exchange *exchange)
{
	struct proxy *proxy = exchange->http->connection->proxy;

	flow_free(&exchange->front);
	flow_free(&exchange->upstream);
	bytes_free(&exchange->collected);
	inject_free(exchange);
	arena_reset(&exchange->more);
	if (proxy->spares_n >= SPARES_MAX) {
		free(exchange);
		return;
	}
	exchange->http = proxy->spares;
	proxy->spares = exchange;
	proxy->spares_n++;
}

void *
exchange_alloc(struct exchange *exchange, size_t bytes)
{
	size_t at = (exchange->inline_used + 15) & ~(size_t)15;

	if (bytes > EXCHANGE_INLINE || at > EXCHANGE_INLINE - bytes)
		return arena_alloc(&exchange->more, bytes);
	exchange->inline_used = at + bytes;
	return exchange->inline_bytes + at;
}

struct span
exchange_copy(struct exchange *exchange, struct span bytes)
{
	char *copy = bytes.length == 0 ? NULL : exchange_alloc(exchange, bytes.length);

	if (copy == NULL)
		return SPAN_NONE;
	memcpy(copy, bytes.at, bytes.length);
	return span_of_bytes(copy, bytes.length);
}

bool
exchange_trailers(struct exchange *exchange, const struct http_field *trailers, size_t n, const struct http_field **out,
    size_t *out_n)
{
	struct http_field *to = n == 0 ? NULL : exchange_alloc(exchange, n * sizeof(*to));

	*out = to;
	*out_n = 0;
	for (size_t i = 0; to != NULL && i < n; i++) {
		if (trailers[i].hop)
			continue;
		*to = trailers[i];
		to->name = exchange_copy(exchange, trailers[i].name);
		to->value = exchange_copy(exchange, trailers[i].value);
		if (to->name.length < trailers[i].name.length || to->value.length < trailers[i].value.length)
			return false;
		to++;
		++*out_n;
	}
	return n == 0 || to != NULL;
}
