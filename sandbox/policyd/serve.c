/* Serving: the parts put together, the first message, and what it means when a peer is gone. */
#include "sandbox/policyd/policyd.h"

#include <unistd.h>

#include "common/base/clean.h"
#include "common/bus/channel.h"

static void
hash_known(void *self)
{
	struct policyd *policyd = self;

	notify_again(&policyd->notify);
	wait_hash_known(policyd);
}

static bool
about_to_sleep(void *self)
{
	struct policyd *policyd = self;

	event_dropped_watch(policyd);
	return false;
}

/* Without its supervisor it ends; connections end with their proxy. */
static void
peer_gone(void *self, struct peer *peer, const struct why *why)
{
	struct policyd *policyd = self;

	(void)why;
	if (peer == policyd->supervisor)
		loop_stop(policyd->loop);
	if (peer == policyd->link)
		policyd->link = NULL;
	if (peer != policyd->proxy)
		return;
	policyd->proxy = NULL;
	connections_clear(policyd);
	wait_clear(policyd);
}

/*
 * Whose sandbox this is.
 *
 * in      policyd_setup, once, first: with the seccomp listener, the sock_diag socket, that of refused packets, and the
 *         memory of connects that wait
 * out     done: connects are answered from now on
 * errors  ERR_INVALID descriptors are missing; ERR_DENIED, ERR_NOT_FOUND the spawner cannot be looked into
 */
enum err
policyd_setup(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	struct policyd *policyd = self;
	struct look *look = &policyd->observer.look;
	auto_fd int dir = -1;
	enum err r;

	if (m->fds_n != 4)
		return fail(why, ERR_INVALID, "%zu descriptors came with policyd_setup", m->fds_n);
	look->spawner = policyd->identities.spawner = (pid_t)m->policyd_setup.spawner;
	if ((r = proc_open(look->spawner, &dir, why)) != OK ||
	    (r = proc_namespace(dir, "pid", &look->pid_namespace, why)) != OK)
		return because(why, r, "the spawner");
	policyd->sandbox = m->policyd_setup.sandbox;
	policyd->binaries_free = m->policyd_setup.binaries_free;
	policyd->diag = fd_take(&m->fds[1]);
	if ((r = notify_begin(&policyd->notify, fd_take(&m->fds[0]), m->fds[3], why)) != OK ||
	    (r = bypasses_begin(policyd, fd_take(&m->fds[2]), why)) != OK)
		return r;
	policyd->bus.state = POLICYD_RUNNING;
	if (m->call != 0)
		answer->id = DONE;
	return OK;
}

const struct route policyd_routes[] = {
    {POLICYD_SETUP, policyd_setup, POLICYD_WAITING, 0},
    {POLICY_LOAD, policy_load, POLICYD_RUNNING, 0},
    {POLICY_CLOSE, policy_close, POLICYD_RUNNING, 0},
    {CHANNEL_GIVE, channel_give, POLICYD_RUNNING, 0},
    {NAME_JUDGE, name_judge, POLICYD_RUNNING, 0},
    {CONNECTION_JUDGE, connection_judge, POLICYD_RUNNING, 0},
    {CONNECTION_END, connection_end, POLICYD_RUNNING, 0},
    {REQUESTS_JUDGE, requests_judge, POLICYD_RUNNING, 0},
    {0},
};

enum err
policyd_open(struct policyd *policyd, struct loop *loop, int channel, struct why *why)
{
	enum err r;

	*policyd =
	    (struct policyd){.loop = loop, .diag = -1, .notify.fd = -1, .bypasses.fd = -1, .force.generation = 1};
	list_init(&policyd->waiting);
	for (size_t i = 0; i < CONNECTION_BUCKETS; i++)
		list_init(&policyd->connections[i]);
	hashes_init(&policyd->hashes, loop, hash_known, policyd);
	pins_init(&policyd->pins);
	identities_init(&policyd->identities, &policyd->hashes, &policyd->pins);
	records_init(&policyd->records, &policyd->identities);
	processes_init(&policyd->observer.processes);
	policyd->observer.identities = &policyd->identities;
	if ((r = proc_socket_mount(channel, &policyd->observer.look.socket_mount, why)) != OK)
		return r;
	policyd->notify = (struct notify){.loop = loop,
	    .identities = &policyd->identities,
	    .records = &policyd->records,
	    .socket_mount = policyd->observer.look.socket_mount,
	    .fd = -1};
	policyd->bus = (struct bus){.loop = loop,
	    .role = ROLE_POLICYD,
	    .name = "policyd",
	    .routes = policyd_routes,
	    .self = policyd,
	    .peer_down = peer_gone,
	    .state = POLICYD_WAITING};
	bus_init(&policyd->bus);
	loop_idle(loop, &policyd->sleeping, about_to_sleep, policyd);
	return channel_open(&policyd->bus, ROLE_SUPERVISOR, "supervisor", channel, &policyd->supervisor, why);
}

void
policyd_close(struct policyd *policyd)
{
	bus_done(&policyd->bus);
	loop_idle_remove(policyd->loop, &policyd->sleeping);
	wait_clear(policyd);
	if (policyd->events.timer.place != 0)
		loop_timer_stop(policyd->loop, &policyd->events.timer);
	connections_clear(policyd);
	engine_free(policyd->force.engine);
	arena_reset(&policyd->force.memory);
	notify_end(&policyd->notify);
	bypasses_end(policyd);
	records_done(&policyd->records);
	pins_done(&policyd->pins);
	hashes_done(&policyd->hashes);
	look_done(&policyd->observer.look);
	clean_fd(&policyd->diag);
}
