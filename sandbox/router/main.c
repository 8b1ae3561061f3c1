/* router: the one process of a sandbox that holds its secrets. The steps of its start and end. */
#include <signal.h>
#include <sodium.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "common/base/log.h"
#include "common/bus/channel.h"
#include "common/leg/openssl.h"
#include "common/os/ids.h"
#include "common/os/jail.h"
#include "common/os/rest.h"
#include "sandbox/router/serve.h"

#define CHANNEL_FD 3
#define ROUTER_UID 64304		  /* within the box, where it is mapped */
#define EMPTY_DIR  "/opt/openshell/empty" /* of every bundle */

static const struct jail router_jail = {
    .process = "router",
    .promises = PROMISE_STDIO | PROMISE_INET | PROMISE_UNIX,
    .files_max = 2 * UPSTREAMS_MAX,
    .keep_from = CHANNEL_FD,
    .keep_to = 15, /* what the loop opened, and the trust anchors */
};

static enum err
enter(struct why *why)
{
	struct jail jail = router_jail;

	if (access(EMPTY_DIR, X_OK) == 0)
		jail.root = EMPTY_DIR; /* an empty root of its own takes rights that a supervisor gives up */
	if (id_mapped(ROUTER_UID))
		jail.uid = jail.gid = ROUTER_UID;
	return jail_enter(&jail, why);
}

static enum err
run(struct router *router, struct loop *loop, struct why *why)
{
	struct peer *supervisor;
	struct timer start = {0};
	enum err r;

	router_init(router, loop);
	if ((r = channel_open(&router->bus, ROLE_SUPERVISOR, "supervisor", CHANNEL_FD, &supervisor, why)) == OK) {
		router->supervisor = peer_ref(supervisor);
		if ((r = channel_await(loop, router->supervisor, &router->ready, "who we are", why)) == OK &&
		    (r = enter(why)) == OK) {
			rest_soon(loop, &start);
			r = loop_run(loop, why);
			loop_timer_stop(loop, &start);
		}
	}
	router_done(router);
	return r;
}

int
main(void)
{
	static struct router router;
	struct loop *loop = NULL;
	struct why why = {0};
	enum err r;

	signal(SIGPIPE, SIG_IGN);
	log_open("router", LOG_LEVEL_INFO);
	/* No openssl.cnf: what is not ours to write must not change how we speak. No tidying at the end: the kernel
	 * does it. */
	if (prctl(PR_SET_DUMPABLE, 0) < 0) /* before the key comes; the jail does it again */
		r = fail_errno(&why, ERR_SYSTEM, "PR_SET_DUMPABLE");
	else if (sodium_init() < 0 || OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_CONFIG | OPENSSL_INIT_NO_ATEXIT, NULL) != 1)
		r = fail(&why, ERR_SYSTEM, "libsodium or OpenSSL cannot start");
	else if ((r = loop_new(&loop, &why)) == OK)
		r = run(&router, loop, &why);
	if (r != OK)
		log_failure("router.stopped", r, &why);
	loop_free(loop);
	return r == OK ? EXIT_SUCCESS : EXIT_FAILURE;
}
