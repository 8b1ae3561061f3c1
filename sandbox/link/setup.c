/* Set-up: copied out of the message, which is left without the keys. */
#include "sandbox/link/setup.h"

#include <assert.h>
#include <string.h>

#include "sandbox/link/spool.h"

/* Copy a key out of a message, and leave nothing of it in the buffer that it came in. */
static void
key_move(void *to, struct span from)
{
	assert(from.at != NULL && from.length == 32); /* the codec saw to it */
	memcpy(to, from.at, 32);
	explicit_bzero((void *)(uintptr_t)from.at, 32);
}

/*
 * Where to connect, and as whom. Taken once; the connection is made when the jail has been entered.
 *
 * in      link_setup, from the supervisor, with the memory for log lines
 * out     enrolled, once it is; as an event when link_setup was one. Where again is set: done, then a config_push if the
 *         configuration is another than the supervisor has
 * errors  ERR_DENIED, ERR_CONFLICT, ERR_NOT_FOUND: the relay refused this sandbox for good; ERR_PROTOCOL no memory came,
 *         or a second one
 */
enum err
link_setup(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	struct link *link = self;
	struct setup *setup = &link->setup;
	const struct msg_link_setup *in = &m->link_setup;
	enum err r;

	(void)answer;
	if (m->fds_n != 1)
		return fail(why, ERR_PROTOCOL, "link_setup came with %zu descriptors", m->fds_n);
	if (!span_copy(in->relay, setup->relay, sizeof(setup->relay)))
		return fail(why, ERR_RANGE, "the relay's endpoint has over %zu bytes", sizeof(setup->relay) - 1);
	if ((r = spool_open(&link->spool, m->fds[0], why)) != OK)
		return r;
	memcpy(setup->relay_key, in->relay_key.at, sizeof(setup->relay_key));
	memcpy(setup->router_key, in->router_key.at, sizeof(setup->router_key));
	memcpy(setup->router_mac, in->router_mac.at, sizeof(setup->router_mac));
	key_move(setup->bus_key.bytes, in->bus_key);
	key_move(setup->token.bytes, in->token);
	setup->sandbox = in->sandbox;
	setup->instance = in->instance;
	setup->epoch = in->epoch;
	setup->again = in->again;
	link->config_revision = in->config_revision;
	link->secrets_revision = in->secrets_revision;
	if (m->call != 0)
		link->enrolment.setup = reply_later(m);
	link->bus.state = LINK_RUNNING;
	link->ready = true;
	return OK;
}
