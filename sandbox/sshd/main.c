/* sshd: the SSH server of one connection into the sandbox. The steps of its start and end. */
#include <signal.h>
#include <sodium.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "common/base/clean.h"
#include "common/base/log.h"
#include "common/base/sanitized.h"
#include "common/bus/channel.h"
#include "common/os/ids.h"
#include "common/os/jail.h"
#include "common/os/rest.h"
#include "sandbox/sshd/attach.h"
#include "sandbox/sshd/routes.h"
#include "sandbox/sshd/session.h"

#define CHANNEL_FD   3
#define SSHD_UID     64305		    /* within the box, where it is mapped */
#define EMPTY_DIR    "/opt/openshell/empty" /* of every bundle */
#define MEMORY_BYTES (512ul << 20)	    /* of addresses: whoever can make libssh grow ends this process alone */

static const struct jail sshd_jail = {
    .process = "sshd",
    .promises = PROMISE_STDIO | PROMISE_CHANNEL | PROMISE_GIVEN | PROMISE_PTY,
    .files_max = 512, /* 64 channels: three pipes each, six while one starts */
    .keep_from = CHANNEL_FD,
    .keep_to = 15, /* what the loop opened, and what ssh_setup brought */
};

static void
peer_down(void *self, struct peer *peer, const struct why *why)
{
	struct sshd *sshd = self;

	(void)why;
	if (peer == sshd->link) {
		attachments_lost(sshd);
		sshd->link = NULL;
	} else {
		sshd->over = true; /* the sandbox ends */
		loop_stop(sshd->loop);
	}
}

static void
sshd_init(struct sshd *sshd, struct loop *loop)
{
	*sshd = (struct sshd){.loop = loop, .fd = -1, .setup = {.connection = -1, .link = -1}};
	list_init(&sshd->lanes);
	list_init(&sshd->commands);
	list_init(&sshd->attachments);
	list_init(&sshd->listeners);
	sshd->bus = (struct bus){
	    .loop = loop,
	    .role = ROLE_SSHD,
	    .name = "sshd",
	    .routes = sshd_routes,
	    .self = sshd,
	    .peer_down = peer_down,
	    .state = SSHD_WAITING,
	};
	bus_init(&sshd->bus);
}

static enum err
enter(struct why *why)
{
	const struct rlimit memory = {MEMORY_BYTES, MEMORY_BYTES};
	struct jail jail = sshd_jail;

	if (!SANITIZED && setrlimit(RLIMIT_AS, &memory) < 0)
		return fail_errno(why, ERR_SYSTEM, "RLIMIT_AS");
	if (access(EMPTY_DIR, X_OK) == 0)
		jail.root = EMPTY_DIR; /* an empty root of its own takes rights that a supervisor gives up */
	if (id_mapped(SSHD_UID))
		jail.uid = jail.gid = SSHD_UID;
	return jail_enter(&jail, why);
}

static enum err
run(struct sshd *sshd, struct loop *loop, struct why *why)
{
	struct timer start = {0};
	enum err r;

	sshd_init(sshd, loop);
	if ((r = channel_open(&sshd->bus, ROLE_SUPERVISOR, "supervisor", CHANNEL_FD, &sshd->supervisor, why)) != OK)
		return r;
	peer_ref(sshd->supervisor);
	if ((r = channel_await(loop, sshd->supervisor, &sshd->ready, "whom to serve", why)) == OK &&
	    (r = enter(why)) == OK &&
	    (r = channel_open(&sshd->bus, ROLE_LINK, "link", fd_take(&sshd->setup.link), &sshd->link, why)) == OK) {
		rest_soon(loop, &start);
		if ((r = session_begin(sshd, why)) == OK)
			r = loop_run(loop, why);
		loop_timer_stop(loop, &start);
		sshd->bus.peer_down = NULL;
		session_end(sshd);
	}
	bus_done(&sshd->bus);
	peer_unref(sshd->supervisor);
	return r;
}

int
main(void)
{
	static struct sshd sshd; /* holds the seed of the host key until it is wiped */
	struct loop *loop = NULL;
	struct why why = {0};
	enum err r;

	signal(SIGPIPE, SIG_IGN);
	log_open("sshd", LOG_LEVEL_INFO);
	if (sodium_init() < 0)
		r = fail(&why, ERR_SYSTEM, "libsodium cannot start");
	else if ((r = loop_new(&loop, &why)) == OK)
		r = run(&sshd, loop, &why);
	if (r != OK)
		log_failure("sshd.stopped", r, &why);
	loop_free(loop);
	return r == OK ? EXIT_SUCCESS : EXIT_FAILURE;
}
