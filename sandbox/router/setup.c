/* Set-up: who we are and whom to trust; channels to the proxy. */
#include "sandbox/router/serve.h"

#include <string.h>

#include "common/base/clean.h"
#include "common/bus/channel.h"
#include "common/leg/tls_client.h"
#include "sandbox/router/tell.h"

/*
 * Be the router of this sandbox. Taken once; the jail is entered behind it.
 *
 * in      router_setup with the trust anchors on a descriptor, from the supervisor
 * out     done
 */
enum err
router_setup(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	struct router *router = self;
	const struct msg_router_setup *in = &m->router_setup;

	(void)why;
	memcpy(router->box_key.bytes, in->box_key.at, sizeof(router->box_key.bytes));
	explicit_bzero((void *)(uintptr_t)in->box_key.at, in->box_key.length);
	memcpy(router->credentials_key, in->credentials_key.at, sizeof(router->credentials_key));
	router->sandbox = in->sandbox;
	router->epoch = in->epoch;
	router->tls = tls_client_new(m->fds_n > 0 ? fd_take(&m->fds[0]) : -1);
	router->bus.state = ROUTER_RUNNING;
	router->ready = true;
	answer->id = DONE;
	return OK;
}

/*
 * A channel to the proxy; the one before it is cut.
 *
 * in      channel_give with one descriptor, from the supervisor
 * out     done, when the proxy knows what can be filled
 * errors  ERR_PROTOCOL no descriptor; ERR_INVALID another role
 */
enum err
channel_give(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	struct router *router = self;
	struct peer *peer;
	enum err r;

	(void)answer;
	if (m->from != router->supervisor)
		return fail(why, ERR_DENIED, "only the supervisor gives channels");
	if (m->fds_n != 1)
		return fail(why, ERR_PROTOCOL, "channel_give came with %zu descriptors", m->fds_n);
	if (m->channel_give.role != ROLE_PROXY)
		return fail(why, ERR_INVALID, "a channel to a role that is not spoken with");
	if (router->proxy != NULL)
		router->proxy->transport->cut(router->proxy); /* peer_down empties the place */
	if ((r = channel_open(&router->bus, ROLE_PROXY, "proxy", fd_take(&m->fds[0]), &peer, why)) != OK)
		return r;
	router->proxy = peer_ref(peer);
	if (m->call != 0) {
		struct why gone = {0};

		fail(&gone, ERR_UNAVAILABLE, "another channel came");
		reply_fail(&router->telling.channel, ERR_UNAVAILABLE, &gone);
		router->telling.channel = reply_later(m);
	}
	tell_slots(router);
	return OK;
}
