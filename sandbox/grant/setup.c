/* What the process is told: with what it works, then what for. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clean.h"
#include "common/base/clock.h"
#include "common/bus/codec.h"
#include "sandbox/grant/grant.h"

const struct route grant_routes[] = {
    {GRANT_SETUP, grant_setup, GRANT_WAITING, 0},
    {GRANT_FETCH, grant_fetch, GRANT_SERVING, 0},
    {0},
};

/*
 * Where identities and names come from. Taken once; the jail is entered behind it.
 *
 * in      grant_setup with two descriptors, from the supervisor
 * errors  ERR_PROTOCOL other descriptors; ERR_INVALID a socket's name that is a path
 */
enum err
grant_setup(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	struct grant *grant = self;
	const struct msg_grant_setup *in = &m->grant_setup;
	enum err r;

	(void)answer;
	if (m->fds_n != 2)
		return fail(why, ERR_PROTOCOL, "grant_setup came with %zu descriptors", m->fds_n);
	if (memchr(in->socket.at, '/', in->socket.length) != NULL)
		return fail(why, ERR_INVALID, "the name of a socket, not a path");
	snprintf(grant->endpoint, sizeof(grant->endpoint), "unix:/" SPAN_FORMAT, SPAN_ARGS(in->socket));
	if ((r = resolver_new(
		 grant->loop, in->resolvers, in->resolvers_n, in->hosts, in->hosts_n, &grant->resolver, why)) != OK)
		return r;
	grant->to_router = fd_take(&m->fds[0]);
	grant->authorities = fd_take(&m->fds[1]);
	grant->bus.state = GRANT_SERVING;
	grant->ready = true;
	return OK;
}

/* A message of its own, encoded and read again: that is the deepest copy there is. */
static enum err
keep(struct grant *grant, const struct msg *m, struct why *why)
{
	char *bytes = NULL; /* never given back */
	size_t room = 0, length;
	struct msg copy;
	enum err r;

	if ((r = msg_encode(m, &bytes, &room, &length, why)) == OK &&
	    (r = msg_decode(span_of_bytes(bytes, length), &grant->memory, &copy, why)) == OK)
		grant->job = copy.grant_fetch;
	return r;
}

/*
 * The token that is wanted. Taken once; answered by main.c when it is there.
 *
 * in      grant_fetch, from the router
 * errors  ERR_EXISTS one was asked for already
 */
enum err
grant_fetch(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	struct grant *grant = self;
	enum err r;

	(void)answer;
	if (m->from != grant->router || m->call == 0 || grant->asked)
		return fail(why, ERR_EXISTS, "one token is asked for, once");
	if ((r = keep(grant, m, why)) != OK)
		return r;
	grant->until_ms = clock_ms() + grant->job.limit_ms;
	grant->reply = reply_later(m);
	grant->asked = true;
	return OK;
}
