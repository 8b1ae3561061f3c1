/* Processes that get a token: one for each that the router asks for; it ends by itself, and is not started again. */
#include "sandbox/supervisor/supervisor.h"

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/base/clean.h"
#include "common/base/log.h"
#include "common/bus/channel.h"
#include "sandbox/supervisor/bundle.h"

#define GRANT	   BUNDLE_PROGRAMS "grant"
#define GRANTS_MAX 32

struct granting {
	struct list link;
	struct supervisor *s;
	struct child child;
};

static void
granting_ended(void *self, int status)
{
	struct granting *granting = self;
	int code = child_exit_code(status);

	if (code != 0)
		log_warning("grant.ended", "code=%d", code);
	child_done(&granting->child);
	list_remove(&granting->link);
	granting->s->grantings_n--;
	free(granting);
}

bool
grant_owns(const struct supervisor *s, pid_t pid)
{
	const struct granting *granting;

	list_each(granting, &s->grantings, const struct granting, link)
		if (granting->child.pid == pid)
			return true;
	return false;
}

static enum err
start(struct granting *granting, int channel, struct why *why)
{
	static const char *const argv[] = {"grant", NULL};
	struct child_plan plan = {.path = GRANT,
	    .argv = argv,
	    .envp = bundle_environment,
	    .fds = {0, 1, 2, channel},
	    .fds_count = 4,
	    .die_with_parent = true};
	enum err r;

	if ((r = finish_replaced(granting->s, why)) != OK || (r = child_start(&granting->child, &plan, why)) != OK)
		return r;
	if ((r = child_watch(&granting->child, granting->s->loop, granting_ended, granting, why)) == OK)
		return OK;
	child_kill(&granting->child, SIGKILL);
	child_wait(&granting->child);
	child_done(&granting->child);
	return r;
}

/* Its first message; its channel to here is kept by the bus until it ends. */
static enum err
tell_setup(struct supervisor *s, int channel, int to_router, struct why *why)
{
	const struct msg m = {.id = GRANT_SETUP,
	    .grant_setup = {.socket = s->boot.spiffe_socket,
		.resolvers = s->way.files.resolvers,
		.resolvers_n = s->way.files.resolvers_n,
		.hosts = s->way.files.hosts,
		.hosts_n = s->way.files.hosts_n},
	    .fds = {to_router, s->way.anchors},
	    .fds_n = 2};
	struct peer *peer;
	enum err r;

	if ((r = channel_open(&s->bus, ROLE_GRANT, "grant", channel, &peer, why)) != OK)
		return r;
	return peer_tell(peer, &m, why);
}

static enum err
start_allowed(const struct supervisor *s, const struct msg *m, struct why *why)
{
	if (m->from != s->secrets.router.peer || m->call == 0)
		return fail(why, ERR_DENIED, "only the router asks for tokens");
	if (s->boot.spiffe_socket.length == 0)
		return fail(
		    why, ERR_STATE, "this sandbox has no SPIFFE Workload API: spiffe_workload_socket is not set");
	if (s->grantings_n >= GRANTS_MAX)
		return fail(why, ERR_LIMIT, "%d tokens are being fetched", GRANTS_MAX);
	return OK;
}

/*
 * Start a process that gets a token.
 *
 * in      grant_start, from the router
 * out     grant_started, with the router's channel to it
 * errors  ERR_STATE there is no Workload API; ERR_LIMIT; ERR_SYSTEM it cannot be started
 */
enum err
grant_start(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	struct supervisor *s = self;
	auto_fd int ours = -1, theirs = -1, to_grant = -1, to_router = -1;
	struct granting *granting;
	enum err r;

	if ((r = start_allowed(s, m, why)) != OK || (r = channel_pair(&ours, &theirs, why)) != OK ||
	    (r = channel_pair(&to_grant, &to_router, why)) != OK)
		return r;
	if ((granting = calloc(1, sizeof(*granting))) == NULL)
		abort();
	granting->s = s;
	if ((r = start(granting, theirs, why)) != OK) {
		free(granting);
		return r;
	}
	list_append(&s->grantings, &granting->link);
	s->grantings_n++;
	if ((r = tell_setup(s, fd_take(&ours), to_router, why)) != OK) {
		child_kill(&granting->child, SIGKILL); /* freed when it has ended */
		return r;
	}
	answer->id = GRANT_STARTED;
	answer->fds[0] = fd_take(&to_grant);
	answer->fds_n = 1;
	return OK;
}
