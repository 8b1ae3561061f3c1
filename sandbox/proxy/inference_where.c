/* Where a backend of inference.local is, and by which way it is reached: directly, or by the operator's proxy. */
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/resolve/resolve.h"
#include "sandbox/proxy/inference_inside.h"
#include "sandbox/proxy/onward.h"
#include "sandbox/proxy/proxy.h"

struct whereabouts *
inference_where(const struct model_call *call)
{
	return &call->backends->where[call->backend - call->backends->list];
}

static void
addresses_keep(struct address *to, size_t *to_n, const struct address *from, size_t n)
{
	*to_n = n < CONNECTION_ADDRESSES ? n : CONNECTION_ADDRESSES;
	memcpy(to, from, *to_n * sizeof(*to));
}

/* All of it is known: kept as a whole, so that another call sees no half of it. */
static void
found(struct model_call *call)
{
	call->found.until_ms = clock_ms() + INFERENCE_NAME_MS;
	*inference_where(call) = call->found;
	inference_found(call);
}

static void
proxy_resolved(void *self, enum err r, const struct address *addresses, size_t n, const struct why *said)
{
	struct model_call *call = self;
	struct http *http = call->exchange->http;
	struct why why = *said;

	call->resolving = 0;
	if (r == OK) {
		addresses_keep(call->found.via, &call->found.via_n, addresses, n);
		found(call);
	} else {
		because(&why, r, "the upstream proxy");
		inference_watch.failed(call->exchange, SPAN("upstream_unreachable"), span_of_text(why.text), false);
	}
	http_settle(http);
}

/* What the backend's addresses say of the way: in clear always directly. */
static void
way_choose(struct model_call *call)
{
	struct proxy *proxy = call->exchange->http->connection->proxy;
	struct whereabouts *where = &call->found;

	if (call->backend->tls && onward_asked(proxy, call->host, call->backend->port, where->addresses, &where->n))
		call->resolving = resolve(proxy->resolver, proxy->onward->proxy.host, proxy_resolved, call);
	else
		found(call);
}

static void
resolved(void *self, enum err r, const struct address *addresses, size_t n, const struct why *why)
{
	struct model_call *call = self;
	struct http *http = call->exchange->http;

	call->resolving = 0;
	if (r == OK) {
		addresses_keep(call->found.addresses, &call->found.n, addresses, n);
		way_choose(call);
	} else
		inference_watch.failed(call->exchange, SPAN("upstream_unreachable"), span_of_text(why->text), false);
	http_settle(http);
}

void
inference_look(struct model_call *call)
{
	call->found = (struct whereabouts){0};
	if ((call->host = arena_text(&call->request, call->backend->host)) == NULL)
		abort();
	call->resolving = resolve(call->exchange->http->connection->proxy->resolver, call->host, resolved, call);
}
