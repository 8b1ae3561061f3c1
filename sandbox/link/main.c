/* link: the sandbox's one connection to the relay. The steps of its start and end. */
#include <signal.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/log.h"
#include "common/bus/channel.h"
#include "common/os/ids.h"
#include "common/os/jail.h"
#include "common/os/rest.h"
#include "sandbox/link/serve.h"

#define CHANNEL_FD 3
#define LINK_UID   64301 /* within the box, where it is mapped */
#define RELAY_DIR  "/run/openshell/relay"

static const struct jail link_jail = {
    .process = "link",
    .promises = PROMISE_STDIO | PROMISE_UNIX | PROMISE_INET | PROMISE_BUS | PROMISE_PTY,
    .files_max =
	3072, /* 256 commands: three pipes each, six while one starts; 256 doors: two each; those that attach */
    .keep_from = CHANNEL_FD,
    .keep_to = 15, /* what the loop opened */
};

/* Over ipc the relay's directory is all there is; over tcp there is nothing. */
static enum err
enter(const struct link *link, struct why *why)
{
	struct jail jail = link_jail;

	if (strncmp(link->setup.relay, "ipc:", 4) == 0)
		jail.root = RELAY_DIR;
	if (id_mapped(LINK_UID))
		jail.uid = jail.gid = LINK_UID;
	return jail_enter(&jail, why);
}

static enum err
connect_relay(struct link *link, struct why *why)
{
	enum err r = curve_new(&link->curve, &link->bus, &link->setup.bus_key, NULL, 0, why);

	secret_wipe(&link->setup.bus_key);
	if (r != OK)
		return r;
	return curve_connect_key(
	    link->curve, link->setup.relay, ROLE_RELAY, "relay", link->setup.relay_key, &link->relay, why);
}

static enum err
run(struct link *link, struct loop *loop, struct why *why)
{
	struct timer start = {0};
	enum err r;

	link_init(link, loop);
	bus_init(&link->bus);
	if ((r = channel_open(&link->bus, ROLE_SUPERVISOR, "supervisor", CHANNEL_FD, &link->supervisor, why)) != OK)
		return r;
	peer_ref(link->supervisor);
	if ((r = channel_await(loop, link->supervisor, &link->ready, "where to connect", why)) == OK &&
	    (r = enter(link, why)) == OK && (r = connect_relay(link, why)) == OK) {
		rest_soon(loop, &start);
		r = loop_run(loop, why);
		loop_timer_stop(loop, &start);
	}
	link_done(link);
	if (link->refused)
		return r; /* its exit status must be heard: the supervisor kills a link that closes its channel first */
	bus_done(&link->bus);
	curve_free(link->curve);
	peer_unref(link->supervisor);
	return r;
}

int
main(void)
{
	static struct link link; /* holds the bus key and the token until they are wiped */
	struct loop *loop = NULL;
	struct why why = {0};
	enum err r;

	signal(SIGPIPE, SIG_IGN);
	log_open("link", LOG_LEVEL_INFO);
	if (sodium_init() < 0)
		r = fail(&why, ERR_SYSTEM, "libsodium cannot start");
	else if ((r = loop_new(&loop, &why)) == OK)
		r = run(&link, loop, &why);
	if (r != OK)
		log_failure("link.stopped", r, &why);
	loop_free(loop);
	return link.refused ? EXIT_REFUSED : r == OK ? EXIT_SUCCESS : EXIT_FAILURE;
}
