/* policyd: answers "may it?" and nothing else. The steps of its start and end. */
#include <linux/capability.h>
#include <signal.h>
#include <sodium.h>
#include <stdlib.h>

#include "common/base/log.h"
#include "common/os/ids.h"
#include "common/os/jail.h"
#include "common/os/rest.h"
#include "sandbox/policyd/policyd.h"

#define CHANNEL_FD  3
#define POLICYD_UID 64302 /* within the box, where it is mapped */

/*
 * /proc is all that it sees. CAP_SYS_PTRACE, of the box's user namespace, is what reading the agent's entries takes; a
 * Landlock domain or a user namespace of its own would take it away again. Nothing here can trace, signal or connect.
 */
static const struct jail policyd_jail = {
    .process = "policyd",
    .root = "/proc",
    .capabilities = 1ull << CAP_SYS_PTRACE,
    .promises = PROMISE_STDIO | PROMISE_CHANNEL | PROMISE_RPATH | PROMISE_NOTIFY,
    .files_max = 20000, /* a directory for each process that owns a connection */
    .no_landlock = true,
    .keep_from = CHANNEL_FD,
    .keep_to = CHANNEL_FD,
};

static enum err
enter(struct why *why)
{
	struct jail jail = policyd_jail;

	if (id_mapped(POLICYD_UID))
		jail.uid = jail.gid = POLICYD_UID;
	return jail_enter(&jail, why);
}

static enum err
run(struct policyd *policyd, struct why *why)
{
	struct loop *loop = NULL;
	struct timer start = {0};
	enum err r;

	if ((r = enter(why)) != OK || (r = loop_new(&loop, why)) != OK)
		return r;
	rest_soon(loop, &start);
	if ((r = policyd_open(policyd, loop, CHANNEL_FD, why)) == OK)
		r = loop_run(loop, why);
	policyd_close(policyd);
	loop_timer_stop(loop, &start);
	loop_free(loop);
	return r;
}

int
main(void)
{
	static struct policyd policyd;
	struct why why = {0};
	enum err r;

	signal(SIGPIPE, SIG_IGN);
	log_open("policyd", LOG_LEVEL_INFO);
	if (sodium_init() < 0)
		r = fail(&why, ERR_SYSTEM, "libsodium cannot start");
	else
		r = run(&policyd, &why);
	if (r != OK)
		log_failure("policyd.stopped", r, &why);
	return r == OK ? EXIT_SUCCESS : EXIT_FAILURE;
}
