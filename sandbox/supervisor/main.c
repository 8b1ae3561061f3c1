/* The supervisor, process 1 of a sandbox; or, with --spawner, the parent of the agent's processes. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/clean.h"
#include "common/base/log.h"
#include "common/bus/channel.h"
#include "common/bus/codec.h"
#include "common/bus/stream.h"
#include "common/os/file.h"
#include "common/os/rest.h"
#include "sandbox/supervisor/bundle.h"
#include "sandbox/supervisor/spawner.h"
#include "sandbox/supervisor/supervisor.h"

#define BOOTSTRAP_FD 3

/* The leak check of a sanitized build traces its own process, which a non-dumpable one does not allow. */
const char *__asan_default_options(void);

const char *
__asan_default_options(void)
{
	return "detect_leaks=0";
}

/* Descriptors 0 to 2 must be taken, or something opened later would be handed to a child in their place. */
static enum err
fill_standard(struct why *why)
{
	for (int fd = 0; fd <= 2; fd++)
		if (fcntl(fd, F_GETFD) < 0 && open("/", O_PATH) != fd)
			return fail_errno(why, ERR_SYSTEM, "descriptor %d", fd);
	return OK;
}

/* What the driver left; the descriptor is closed, and the bytes are gone from it where they can be. */
static enum err
read_bootstrap(struct supervisor *s, struct why *why)
{
	char *bytes = malloc(MSG_BYTES_MAX);
	size_t length = 0;
	struct span copy;
	struct msg m;
	ssize_t n;
	enum err r;

	if (bytes == NULL)
		abort();
	lseek(BOOTSTRAP_FD, 0, SEEK_SET);
	while (length < MSG_BYTES_MAX && (n = read(BOOTSTRAP_FD, bytes + length, MSG_BYTES_MAX - length)) > 0)
		length += (size_t)n;
	close(BOOTSTRAP_FD);
	r = arena_span(&s->memory, span_of_bytes(bytes, length), &copy);
	explicit_bzero(bytes, length);
	free(bytes);
	if (r != OK || (r = msg_decode(copy, &s->memory, &m, why)) != OK)
		return because(why, r, "bootstrap on descriptor %d", BOOTSTRAP_FD);
	if (m.id != BOOTSTRAP)
		return fail(why, ERR_PROTOCOL, "descriptor %d holds another message than bootstrap", BOOTSTRAP_FD);
	s->boot = m.bootstrap;
	return OK;
}

/* clang-format off */
const struct route supervisor_routes[] = {
	{ENROLLED,     begin_enrolled, 0, 0},
	{LINK_STATUS,  linkage_status, 0, 0},
	{EXEC_START,   command_start,  0, 0},
	{EXEC_SIGNAL,  command_signal, 0, 0},
	{SOCKET_MAKE,  socket_make,    STATE_RUNNING, 0},
	{SSH_START,    ssh_start,      STATE_RUNNING | STATE_OVER, 0},
	{GRANT_START,  grant_start,    STATE_RUNNING, 0},
	{SPAWN_EXITED, command_exited, 0, 0},
	{CONFIG_PUSH,  config_pushed,  0, 0},
	{PROXY_NAMES,  way_names,      0, 0},
	{SECRETS_PUSH, secrets_pushed, 0, 0},
	{SECRETS_APPLIED, secrets_applied, 0, 0},
	{0},
};
/* clang-format on */

static void
peer_down(void *self, struct peer *peer, const struct why *why)
{
	struct supervisor *s = self;

	struct kept *const kept[] = {&s->link, &s->way.policyd, &s->way.proxy, &s->secrets.router};

	(void)why;
	for (size_t i = 0; i < COUNT(kept); i++)
		if (peer == kept[i]->peer)
			kept_down(kept[i]);
	ssh_down(s, peer);
	command_forget(s, peer);
	if (peer == s->spawner_peer)
		finish_spawner(s);
}

/* Process 1 inherits what others leave behind; its own children are reaped by those who watch them. */
static void
reap_strangers(void *self, int number)
{
	const struct supervisor *s = self;
	siginfo_t info = {0};

	(void)number;
	while (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid != 0 &&
	       info.si_pid != s->link.child.pid && info.si_pid != s->spawner.pid &&
	       info.si_pid != s->way.policyd.child.pid && info.si_pid != s->way.proxy.child.pid &&
	       info.si_pid != s->secrets.router.child.pid && !ssh_owns(s, info.si_pid) && !grant_owns(s, info.si_pid)) {
		waitpid(info.si_pid, NULL, WNOHANG);
		info.si_pid = 0;
	}
}

static enum err
open_loop(struct supervisor *s, struct why *why)
{
	enum err r;

	if ((r = loop_new(&s->loop, why)) != OK)
		return r;
	list_init(&s->commands);
	list_init(&s->sshds);
	list_init(&s->grantings);
	s->spawner.pidfd = -1;
	linkage_init(s);
	way_init(s);
	secrets_init(s);
	s->bus = (struct bus){.loop = s->loop,
	    .role = ROLE_SUPERVISOR,
	    .name = "supervisor",
	    .routes = supervisor_routes,
	    .self = s,
	    .peer_down = peer_down,
	    .state = STATE_ENROLLING};
	bus_init(&s->bus);
	if ((r = loop_signal(s->loop, SIGTERM, finish_asked, s, why)) != OK)
		return r;
	return loop_signal(s->loop, SIGCHLD, reap_strangers, s, why);
}

static enum err
run(struct supervisor *s, struct why *why)
{
	struct timer start = {0};
	enum err r;

	if (prctl(PR_SET_DUMPABLE, 0) < 0)
		return fail_errno(why, ERR_SYSTEM, "PR_SET_DUMPABLE");
	s->bundle_stamp = bundle_stamp();
	if ((r = memfd_fixed("output", STREAM_OUTPUT_BYTES, &s->main.memory_fd, why)) != OK || /* later we may not */
	    (r = memfd_fixed("spool", CHANNEL_SPOOL_BYTES, &s->spool_fd, why)) != OK ||
	    (r = memfd_fixed("connects", CHANNEL_CONNECTS_BYTES, &s->way.connects_fd, why)) != OK ||
	    (r = read_bootstrap(s, why)) != OK || (r = namespace_root(why)) != OK ||
	    (r = identity_make(&s->identity, &s->boot, why)) != OK || (r = open_loop(s, why)) != OK ||
	    (r = kept_start(&s->link, why)) != OK)
		return r;
	if (begin_spawner(s, why) != OK ||
	    way_start(s, why) != OK) /* told to the gateway as soon as link has enrolled */
		finish_failed(s, "WallNotEnforced", why);
	rest_soon(s->loop, &start);
	r = loop_run(s->loop, why);
	loop_timer_stop(s->loop, &start);
	if (r == OK && s->spawner_lost)
		r = fail(why, ERR_SYSTEM, "the spawner died, and all commands with it");
	if (r == OK && s->replaced)
		r = fail(why, ERR_STATE, "the programs of this sandbox were replaced by others");
	return r;
}

int
main(int argc, char **argv)
{
	static struct supervisor supervisor;
	struct why why = {0};
	enum err r;

	if ((r = fill_standard(&why)) == OK && argc >= 2 && strcmp(argv[1], "--spawner") == 0)
		return spawner_main(argc == 3 && strcmp(argv[2], "closed") == 0);
	signal(SIGPIPE, SIG_IGN); /* not in the spawner: its commands would inherit it */
	log_open("supervisor", LOG_LEVEL_INFO);
	if (r == OK && argc != 1)
		r = fail(&why, ERR_INVALID, "no arguments are taken: the launcher starts this program");
	if (r == OK)
		r = run(&supervisor, &why);
	if (r != OK)
		log_failure("supervisor.stopped", r, &why);
	return r == OK ? EXIT_SUCCESS : EXIT_FAILURE;
}
