/* The spawner: builds the view, confines itself, then starts what the supervisor asks for. */
#include "sandbox/supervisor/spawner.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/clean.h"
#include "common/base/log.h"
#include "common/bus/channel.h"
#include "common/os/rest.h"
#include "sandbox/supervisor/confine.h"
#include "sandbox/supervisor/network.h"
#include "sandbox/supervisor/run.h"
#include "sandbox/supervisor/view.h"

#define CHANNEL_FD 3

enum state { STATE_BARE = 1 << 0, STATE_CONFINED = 1 << 1 };

struct spawner {
	struct loop *loop;
	struct bus bus;
	struct peer *supervisor;
	struct runner runner;
	struct walls walls;
	struct network network;
	int listener; /* of connects; -1: they are not asked about */
};

/* The namespace of host names is this process's own already: what is set here shows that it is. */
static void
set_name(struct walls *walls, struct span name)
{
	char got[65] = {0}, want[65];
	struct why why = {0};

	if (!span_copy(name, want, sizeof(want)) || sethostname(want, strlen(want)) < 0 ||
	    gethostname(got, sizeof(got)) < 0 || strcmp(got, want) != 0)
		fail_errno(&why, ERR_SYSTEM, "the host name cannot be set");
	wall_check(walls, "uts_namespace", why.text[0] == '\0', &why);
}

static enum err
build_walls(struct spawner *spawner, const struct msg *m, struct why *why)
{
	const struct msg_spawner_setup *setup = &m->spawner_setup;
	char path[257];
	auto_fd int root = -1;
	struct places places = {0};
	enum err r;

	if (!span_copy(setup->root, path, sizeof(path)) || (root = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC)) < 0)
		return fail_errno(why, ERR_SYSTEM, "the root of the sandbox");
	if (setup->way_out && !spawner->network.fenced)
		return fail(why, ERR_STATE, "the policy has network rules, which cannot be enforced here: %s",
		    spawner->network.open.text);
	set_name(&spawner->walls, setup->name);
	r = places_find(setup, root, m->arena, &places, why);
	if (r == OK)
		r = view_enter(setup, &places, root, why);
	clean_fd(&root);
	if (r == OK)
		r = confine(setup, &places, &spawner->walls, spawner->network.fenced ? &spawner->listener : NULL, why);
	places_done(&places);
	return r;
}

/* The sockets of the way out, for others; nothing of them stays here, where commands are started. */
static void
hand_up(struct spawner *spawner, struct msg *ready, struct reply *reply)
{
	if (spawner->network.fenced) {
		for (size_t i = 0; i < NETWORK_FDS; i++)
			ready->fds[ready->fds_n++] = spawner->network.fds[i];
		ready->fds[ready->fds_n++] = spawner->listener;
	}
	reply_send(reply, ready);
	network_done(&spawner->network);
	clean_fd(&spawner->listener);
}

/*
 * Confine yourself.
 *
 * in      spawner_setup, once
 * out     spawner_ready: a report for each wall, and the sockets of the way out
 * errors  ERR_INVALID, ERR_NOT_FOUND a path of the policy; ERR_STATE a policy with network rules, and no fence;
 *         ERR_SYSTEM. After an error nothing can be started
 */
static enum err
spawner_setup(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	struct spawner *spawner = self;
	struct msg ready = {.id = SPAWNER_READY};
	struct reply reply;
	enum err r;

	(void)answer;
	spawner->bus.state = 0;
	if ((r = build_walls(spawner, m, why)) != OK)
		return r;
	spawner->bus.state = STATE_CONFINED;
	ready.spawner_ready.walls_n = spawner->walls.n;
	if ((ready.spawner_ready.walls = walls_spans(&spawner->walls, m->arena)) == NULL)
		return fail(why, ERR_LIMIT, "too many walls");
	ready.spawner_ready.bash = access("/bin/bash", X_OK) == 0;
	reply = reply_later(m);
	hand_up(spawner, &ready, &reply);
	return OK;
}

/*
 * Start a command.
 *
 * in      spawn, with three descriptors or, for tty, none
 * out     spawned, with the terminal's master for tty
 * errors  as run_start
 */
static enum err
spawn(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	static const int none[3] = {-1, -1, -1};
	struct spawner *spawner = self;
	struct msg spawned = {.id = SPAWNED};
	auto_fd int master = -1;
	struct reply reply;
	pid_t pid;
	enum err r;

	(void)answer;
	if (m->fds_n != (m->spawn.tty ? 0 : 3))
		return fail(why, ERR_INVALID, "%zu descriptors came with the command", m->fds_n);
	r = run_start(&spawner->runner, &m->spawn, m->spawn.tty ? none : m->fds, m->arena, &pid, &master, why);
	if (r != OK)
		return r;
	spawned.spawned.pid = (uint32_t)pid;
	spawned.fds[0] = master;
	spawned.fds_n = m->spawn.tty;
	reply = reply_later(m); /* sent before master is closed here */
	reply_send(&reply, &spawned);
	return OK;
}

/* Signal a command. in: spawn_signal. errors: ERR_NOT_FOUND it has ended. */
static enum err
spawn_signal(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	struct spawner *spawner = self;

	(void)answer;
	return run_signal(&spawner->runner, m->spawn_signal.command_id, m->spawn_signal.signal, why);
}

/*
 * A TCP socket in the agent's network, for those who are not in it; who connects it is not one of us.
 *
 * in      socket_make
 * out     socket_made, with the socket
 */
static enum err
make_socket(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	auto_fd int fd =
	    socket(m->socket_make.six ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);
	struct msg made = {.id = SOCKET_MADE, .fds = {fd}, .fds_n = 1};
	struct reply reply;

	(void)self;
	(void)answer;
	if (fd < 0)
		return fail_errno(why, ERR_LIMIT, "a socket in the agent's network");
	reply = reply_later(m); /* sent before it is closed here */
	reply_send(&reply, &made);
	return OK;
}

static const struct route routes[] = {
    {SPAWNER_SETUP, spawner_setup, STATE_BARE, 0},
    {SPAWN, spawn, STATE_CONFINED, 0},
    {SPAWN_SIGNAL, spawn_signal, STATE_CONFINED, 0},
    {SOCKET_MAKE, make_socket, STATE_CONFINED, 0},
    {0},
};

static void
command_exited(void *self, uint64_t command_id, uint16_t exit_code)
{
	struct spawner *spawner = self;
	struct msg m = {.id = SPAWN_EXITED, .spawn_exited = {command_id, exit_code}};
	struct why why = {0};

	if (peer_tell(spawner->supervisor, &m, &why) != OK)
		loop_stop(spawner->loop);
}

static void
child_ended(void *self, int number)
{
	struct spawner *spawner = self;

	(void)number;
	run_reap(&spawner->runner);
}

/* Without its supervisor a sandbox is over: when this process ends, the kernel ends all others of the namespace. */
static void
supervisor_gone(void *self, struct peer *peer, const struct why *why)
{
	struct spawner *spawner = self;

	(void)peer;
	(void)why;
	loop_stop(spawner->loop);
}

/* At birth, while the policy is still on its way. */
static enum err
build_network(struct spawner *spawner, bool closed, struct why *why)
{
	struct why absent = {0};
	enum err r;

	if ((r = network_build(closed, &spawner->network, why)) != OK)
		return r;
	if (!spawner->network.fenced && !closed)
		log_warning("network.closed", "why=%s", log_quote(span_of_text(spawner->network.open.text)));
	wall_check(&spawner->walls, "network", network_check(&spawner->network, &absent) == OK, &absent);
	return OK;
}

static enum err
serve(struct spawner *spawner, bool closed, struct why *why)
{
	struct timer start = {0};
	enum err r;

	if (prctl(PR_SET_DUMPABLE, 0) < 0)
		return fail_errno(why, ERR_SYSTEM, "PR_SET_DUMPABLE");
	if ((r = loop_new(&spawner->loop, why)) != OK)
		return r;
	spawner->bus = (struct bus){.loop = spawner->loop,
	    .role = ROLE_SPAWNER,
	    .name = "spawner",
	    .routes = routes,
	    .self = spawner,
	    .peer_down = supervisor_gone,
	    .state = STATE_BARE};
	bus_init(&spawner->bus);
	if ((r = build_network(spawner, closed, why)) != OK ||
	    (r = runner_init(&spawner->runner, spawner->loop, command_exited, spawner, why)) != OK ||
	    (r = loop_signal(spawner->loop, SIGCHLD, child_ended, spawner, why)) != OK ||
	    (r = channel_open(&spawner->bus, ROLE_SUPERVISOR, "supervisor", CHANNEL_FD, &spawner->supervisor, why)) !=
		OK)
		return r;
	peer_ref(spawner->supervisor);
	rest_soon(spawner->loop, &start);
	r = loop_run(spawner->loop, why);
	loop_timer_stop(spawner->loop, &start);
	return r;
}

int
spawner_main(bool closed)
{
	static struct spawner spawner = {.listener = -1};
	struct why why = {0};

	log_open("spawner", LOG_LEVEL_INFO);
	if (serve(&spawner, closed, &why) == OK)
		return EXIT_SUCCESS;
	log_failure("spawner.stopped", ERR_SYSTEM, &why);
	return EXIT_FAILURE;
}
