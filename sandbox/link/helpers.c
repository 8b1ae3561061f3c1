/* Helpers: policyd and proxy, each by a channel that the supervisor hands over; a new one takes the place of the old.
 */
#include "sandbox/link/helpers.h"

#include "common/base/clean.h"
#include "common/base/log.h"
#include "common/bus/channel.h"

#define GRACE_MS 1000 /* for what the last process of that role has sent and we have not read */

static struct helper *
helper_of(struct link *link, uint32_t role)
{
	return role == ROLE_POLICYD ? &link->policyd : role == ROLE_PROXY ? &link->proxy : NULL;
}

static void
before_cut(void *self)
{
	struct helper *helper = self;

	if (helper->before != NULL)
		helper->before->transport->cut(helper->before);
}

void
helper_gone(struct link *link, const struct peer *peer)
{
	struct helper *helper = helper_of(link, peer->role);

	if (helper == NULL)
		return;
	if (helper->now == peer)
		helper->now = NULL;
	if (helper->before == peer) {
		helper->before = NULL;
		loop_timer_stop(link->loop, &helper->grace);
	}
}

void
helpers_done(struct link *link)
{
	loop_timer_stop(link->loop, &link->policyd.grace);
	loop_timer_stop(link->loop, &link->proxy.grace);
}

bool
may_log(const struct link *link, const struct peer *peer)
{
	return peer == link->supervisor || peer->role == ROLE_POLICYD || peer->role == ROLE_PROXY;
}

/*
 * A process of this sandbox wants to log through us, or an SSH server to take part in the main process; it has been
 * started, or started again.
 *
 * in      channel_give, from the supervisor, with one descriptor
 * out     done, where an answer is wanted
 * errors  ERR_INVALID a role that has nothing to say here; ERR_PROTOCOL another number of descriptors
 */
enum err
channel_give(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	struct link *link = self;
	struct helper *helper = helper_of(link, m->channel_give.role);
	struct peer *peer;
	enum role role = (enum role)m->channel_give.role;
	enum err r;

	if (m->from != link->supervisor)
		return fail(why, ERR_DENIED, "only the supervisor gives channels");
	if (helper == NULL && role != ROLE_SSHD)
		return fail(why, ERR_INVALID, "no channel to role %u is wanted here", m->channel_give.role);
	if (m->fds_n != 1)
		return fail(why, ERR_PROTOCOL, "channel_give came with %zu descriptors", m->fds_n);
	if ((r = channel_open(&link->bus, role, role_name(role), fd_take(&m->fds[0]), &peer, why)) != OK)
		return r;
	if (m->call != 0)
		answer->id = DONE;
	if (helper == NULL)
		return OK; /* as many as there are SSH servers: the supervisor limits them */
	before_cut(helper);
	helper->before = helper->now;
	helper->now = peer;
	if (helper->before != NULL)
		loop_timer_set(link->loop, &helper->grace, GRACE_MS, before_cut, helper);
	log_info("helper.channel", "role=%s", role_name(role));
	return OK;
}
