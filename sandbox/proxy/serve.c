/* Serving: the parts are made here in their order, and ended in the other. */
#include "sandbox/proxy/serve.h"

#include "common/base/clock.h"
#include "common/base/log.h"
#include "sandbox/proxy/accept.h"
#include "sandbox/proxy/dns.h"
#include "sandbox/proxy/events.h"
#include "sandbox/proxy/inference.h"
#include "sandbox/proxy/judge.h"
#include "sandbox/proxy/linger.h"
#include "sandbox/proxy/metadata.h"
#include "sandbox/proxy/names.h"
#include "sandbox/proxy/onward.h"
#include "common/resolve/resolve.h"
#include "sandbox/proxy/routed.h"
#include "sandbox/proxy/routes.h"
#include "sandbox/proxy/tls.h"
#include "sandbox/proxy/tokens.h"

static void
place_empty(struct peer **place, const struct peer *peer)
{
	if (*place != peer)
		return;
	peer_unref(*place);
	*place = NULL;
}

static void
peer_down(void *self, struct peer *peer, const struct why *why)
{
	struct proxy *proxy = self;

	if (peer == proxy->supervisor) {
		loop_stop(proxy->loop);
		return;
	}
	if (!proxy->ending)
		log_warning("peer.gone", "peer=%s why=\"%s\"", peer->name, log_quote(span_of_text(why->text)));
	if (peer == proxy->link)
		events_pause(proxy);
	if (peer == proxy->router) {
		place_empty(&proxy->router, peer);
		routed_down(proxy);
		return;
	}
	place_empty(&proxy->policyd, peer);
	place_empty(&proxy->link, peer);
}

void
proxy_init(struct proxy *proxy, struct loop *loop)
{
	proxy->loop = loop;
	proxy->bus = (struct bus){.loop = loop,
	    .role = ROLE_PROXY,
	    .name = "proxy",
	    .routes = proxy_routes,
	    .self = proxy,
	    .peer_down = peer_down,
	    .state = PROXY_WAITING};
	list_init(&proxy->connections);
	list_init(&proxy->awaited);
	list_init(&proxy->lingering);
	list_init(&proxy->routed);
	proxy->next_number = (uint64_t)clock_wall_ms() << 20; /* past those of any proxy before */
	proxy->names = names_new();
	proxy->judge = judge_new(proxy);
	proxy->events = events_new(proxy);
	bus_init(&proxy->bus);
}

void
proxy_done(struct proxy *proxy)
{
	proxy->ending = true;
	accept_free(proxy->accept);
	connections_end(proxy, NULL, "the proxy ends");
	metadata_free(proxy->metadata);
	linger_done(proxy);
	dns_free(proxy->dns);
	bus_done(&proxy->bus);
	peer_unref(proxy->supervisor);
	judge_free(proxy->judge);
	events_free(proxy->events);
	resolver_free(proxy->resolver);
	onward_free(proxy->onward);
	names_free(proxy->names);
	backends_free(proxy->backends);
	tls_free(proxy->tls);
	slots_done(&proxy->upstreams);
	slots_done(&proxy->routes);
	tokens_free(proxy->tokens);
	pipes_done(&proxy->pipes);
}
