/* The router at work: its lists, its peers, its end. */
#include "sandbox/router/serve.h"

#include "common/leg/tls_client.h"
#include "sandbox/router/grant.h"
#include "sandbox/router/tell.h"
#include "sandbox/router/upstream.h"
#include "sandbox/router/vault.h"

/* The end of a callback: what was queued is written, what is over is buried. */
static void
settle(void *self)
{
	struct router *router = self;
	struct errand *errand;
	bool over;

	do {
		over = false;
		sides_flush(&router->sides);
		list_each(errand, &router->errands, struct errand, link)
			if (errand->state == ERRAND_OVER) {
				over = true;
				errand_free(errand);
			}
		upstreams_bury(router);
	} while (over);
}

/* The proxy is gone: nobody waits for any of them. */
static void
errands_drop(struct router *router)
{
	struct errand *errand;

	list_each(errand, &router->errands, struct errand, link) {
		errand_leave(errand);
		errand->state = ERRAND_OVER;
	}
}

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
	settle(router);
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
	router->sides.settle = settle;
	router->sides.self = router;
	router->bus = (struct bus){.loop = loop,
	    .role = ROLE_ROUTER,
	    .name = "router",
	    .routes = router_routes,
	    .self = router,
	    .peer_down = peer_down,
	    .state = ROUTER_WAITING};
	bus_init(&router->bus);
}

void
router_done(struct router *router)
{
	router->bus.peer_down = NULL;
	errands_drop(router);
	settle(router);
	upstreams_done(router);
	grants_free(router->vault);
	peer_unref(router->proxy);
	peer_unref(router->supervisor);
	bus_done(&router->bus);
	vault_free(router->vault);
	vault_free(router->coming);
	tls_client_free(router->tls);
	secret_wipe(&router->box_key);
}
