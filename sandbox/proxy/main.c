/* proxy: the sandbox's way out. The steps of its start and end. */
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/base/log.h"
#include "common/bus/channel.h"
#include "common/os/ids.h"
#include "common/os/jail.h"
#include "common/os/rest.h"
#include "common/leg/openssl.h"
#include "sandbox/proxy/serve.h"

#define CHANNEL_FD 3
#define PROXY_UID  64303		  /* within the box, where it is mapped */
#define EMPTY_DIR  "/opt/openshell/empty" /* of every bundle */

static const struct jail proxy_jail = {
    .process = "proxy",
    .promises = PROMISE_STDIO | PROMISE_INET | PROMISE_UNIX,
    .files_max = 4 * CONNECTIONS_MAX, /* two ends and, while bytes are in it, a pipe for each connection */
    .keep_from = CHANNEL_FD,
    .keep_to = 31, /* what the loop opened, and the trust anchors */
};

static enum err
enter(struct why *why)
{
	struct jail jail = proxy_jail;

	if (access(EMPTY_DIR, X_OK) == 0)
		jail.root = EMPTY_DIR; /* an empty root of its own takes rights that a supervisor gives up */
	if (id_mapped(PROXY_UID))
		jail.uid = jail.gid = PROXY_UID;
	return jail_enter(&jail, why);
}

static enum err
run(struct proxy *proxy, struct loop *loop, struct why *why)
{
	struct peer *supervisor;
	struct timer start = {0};
	enum err r;

	proxy_init(proxy, loop);
	if ((r = channel_open(&proxy->bus, ROLE_SUPERVISOR, "supervisor", CHANNEL_FD, &supervisor, why)) == OK) {
		proxy->supervisor = peer_ref(supervisor);
		if ((r = channel_await(loop, proxy->supervisor, &proxy->ready, "what to serve", why)) == OK &&
		    (r = enter(why)) == OK) {
			rest_soon(loop, &start);
			r = loop_run(loop, why);
			loop_timer_stop(loop, &start);
		}
	}
	proxy_done(proxy);
	return r;
}

int
main(void)
{
	static struct proxy proxy;
	struct loop *loop = NULL;
	struct why why = {0};
	enum err r;

	signal(SIGPIPE, SIG_IGN);
	log_open("proxy", LOG_LEVEL_INFO);
	/* No openssl.cnf: what is not ours to write must not change how we speak. No tidying at the end: the kernel
	 * does it. */
	if (OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_CONFIG | OPENSSL_INIT_NO_ATEXIT, NULL) != 1)
		r = fail(&why, ERR_SYSTEM, "OpenSSL cannot start");
	else if ((r = loop_new(&loop, &why)) == OK)
		r = run(&proxy, loop, &why);
	if (r != OK)
		log_failure("proxy.stopped", r, &why);
	loop_free(loop);
	return r == OK ? EXIT_SUCCESS : EXIT_FAILURE;
}
