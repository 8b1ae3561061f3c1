/* Helpers: policyd and proxy, each by a channel that the supervisor hands over; a new one takes the place of the old. */
#include "sandbox/link/helpers.h"

#include "common/base/clean.h"
#include "common/base/log.h"
#include "common/bus/channel.h"

static struct peer **
place_of(struct link *link, uint32_t role)
{
	return role == ROLE_POLICYD ? &link->policyd : role == ROLE_PROXY ? &link->proxy : NULL;
}

void
helper_gone(struct link *link, const struct peer *peer)
{
	struct peer **place = place_of(link, peer->role);

	if (place != NULL && *place == peer)
		*place = NULL;
}

bool
may_log(const struct link *link, const struct peer *peer)
{
	return peer == link->supervisor || peer == link->policyd || peer == link->proxy;
}

/*
 * A process of this sandbox wants to log through us; it has been started, or started again.
 *
 * in      channel_give, from the supervisor, with one descriptor
 * out     done, where an answer is wanted
 * errors  ERR_INVALID a role that has nothing to say here; ERR_PROTOCOL another number of descriptors
 */
enum err
channel_give(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	struct link *link = self;
	struct peer **place = place_of(link, m->channel_give.role), *peer;
	enum role role = (enum role)m->channel_give.role;
	enum err r;

	if (m->from != link->supervisor)
		return fail(why, ERR_DENIED, "only the supervisor gives channels");
	if (place == NULL)
		return fail(why, ERR_INVALID, "no channel to role %u is wanted here", m->channel_give.role);
	if (m->fds_n != 1)
		return fail(why, ERR_PROTOCOL, "channel_give came with %zu descriptors", m->fds_n);
	if (*place != NULL)
		(*place)->transport->cut(*place);
	if ((r = channel_open(&link->bus, role, role_name(role), fd_take(&m->fds[0]), &peer, why)) != OK)
		return r;
	*place = peer;
	log_info("helper.channel", "role=%s", role_name(role));
	if (m->call != 0)
		answer->id = DONE;
	return OK;
}
