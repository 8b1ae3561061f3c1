/* grant: gets one token with the sandbox's identity, and ends. The steps of its start and end. */
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "common/base/clean.h"
#include "common/base/log.h"
#include "common/bus/channel.h"
#include "common/leg/openssl.h"
#include "common/os/ids.h"
#include "common/os/jail.h"
#include "sandbox/grant/grant.h"

#define CHANNEL_FD   3
#define GRANT_UID    64306 /* within the box, where it is mapped */
#define MEMORY_BYTES (4u << 20)
#define ALARM_S	     2 /* after the limit: for what does not heed it */

static const struct jail grant_jail = {
    .process = "grant",
    .root = GRANT_ROOT,
    .promises = PROMISE_STDIO | PROMISE_INET | PROMISE_UNIX,
    .files_max = 64,
    .keep_from = CHANNEL_FD,
    .keep_to = 15, /* what the loop opened, and what grant_setup brought */
};

static enum err
enter(struct why *why)
{
	struct jail jail = grant_jail;

	if (id_mapped(GRANT_UID))
		jail.uid = jail.gid = GRANT_UID;
	return jail_enter(&jail, why);
}

/* Nobody waits for it any more. */
static void
peer_down(void *self, struct peer *peer, const struct why *why)
{
	(void)self;
	(void)peer;
	(void)why;
	_exit(EXIT_SUCCESS);
}

static enum err
token_get(struct grant *grant, struct msg *out, struct why *why)
{
	struct span svid;
	enum err r;

	alarm(ALARM_S + grant->job.limit_ms / 1000);
	if ((r = svid_fetch(grant, &svid, why)) != OK)
		return r;
	return exchange(grant, svid, out, why);
}

static enum err
run(struct grant *grant, struct loop *loop, struct why *why)
{
	struct msg token;
	enum err r;

	*grant =
	    (struct grant){.loop = loop, .to_router = -1, .authorities = -1, .memory = {.max_bytes = MEMORY_BYTES}};
	grant->bus = (struct bus){.loop = loop,
	    .role = ROLE_GRANT,
	    .name = "grant",
	    .routes = grant_routes,
	    .self = grant,
	    .peer_down = peer_down,
	    .state = GRANT_WAITING};
	bus_init(&grant->bus);
	if ((r = channel_open(&grant->bus, ROLE_SUPERVISOR, "supervisor", CHANNEL_FD, &grant->supervisor, why)) != OK ||
	    (r = channel_await(loop, grant->supervisor, &grant->ready, "where identities come from", why)) != OK ||
	    (r = enter(why)) != OK ||
	    (r = channel_open(&grant->bus, ROLE_ROUTER, "router", grant->to_router, &grant->router, why)) != OK ||
	    (r = channel_await(loop, grant->router, &grant->asked, "what token it wants", why)) != OK)
		return r;
	if ((r = token_get(grant, &token, why)) == OK)
		reply_send(&grant->reply, &token);
	else
		reply_fail(&grant->reply, r, why);
	return OK;
}

int
main(void)
{
	static struct grant grant;
	struct loop *loop = NULL;
	struct why why = {0};
	enum err r;

	signal(SIGPIPE, SIG_IGN);
	log_open("grant", LOG_LEVEL_INFO);
	if (prctl(PR_SET_DUMPABLE, 0) < 0)
		r = fail_errno(&why, ERR_SYSTEM, "PR_SET_DUMPABLE");
	else if (OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_CONFIG | OPENSSL_INIT_NO_ATEXIT, NULL) != 1)
		r = fail(&why, ERR_SYSTEM, "OpenSSL cannot start");
	else if ((r = loop_new(&loop, &why)) == OK)
		r = run(&grant, loop, &why);
	if (r != OK)
		log_failure("grant.stopped", r, &why);
	_exit(r == OK ? EXIT_SUCCESS : EXIT_FAILURE); /* nothing is tidied: the kernel does it */
}
