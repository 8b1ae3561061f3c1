/* The router at work: its lists, its peers, its end. */
#include "sandbox/router/serve.h"

#include "common/leg/tls_client.h"
#include "sandbox/router/tell.h"
#include "sandbox/router/upstream.h"
#include "sandbox/router/vault.h"

static void
peer_down(void *self, struct peer *peer, const struct why *why)
{
	struct router *router = self;

	(void)why;
	if (peer == router->supervisor) { /* the sandbox ends with it */
		loop_stop(router->loop);
		return;
	}
	if (peer != router->proxy)
		return;
	errands_drop(router);
	router->proxy = NULL;
	peer_unref(peer);
	tell_forget(router);
	router_settle(router);
}

void
router_init(struct router *router, struct loop *loop)
{
	*router = (struct router){.loop = loop};
	list_init(&router->errands);
	list_init(&router->waiting);
	list_init(&router->upstreams);
	list_init(&router->dead);
	list_init(&router->sides.dirty);
	router->sides.settle = router_settle;
	router->sides.self = router;
	router->bus = (struct bus){.loop = loop, .role = ROLE_ROUTER, .name = "router", .routes = router_routes, .self = router,
	    .peer_down = peer_down, .state = ROUTER_WAITING};
	bus_init(&router->bus);
}

void
router_done(struct router *router)
{
	router->bus.peer_down = NULL;
	errands_drop(router);
	router_settle(router);
	upstreams_done(router);
	peer_unref(router->proxy);
	peer_unref(router->supervisor);
	bus_done(&router->bus);
	vault_free(router->vault);
	vault_free(router->coming);
	tls_client_free(router->tls);
	secret_wipe(&router->box_key);
}
