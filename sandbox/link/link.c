/* The link as a whole: what it is told at its start, and who hears of a peer that comes or goes. */
#include "sandbox/link/link.h"

#include <sodium.h>

#include "common/base/log.h"
#include "sandbox/link/enrol.h"
#include "sandbox/link/exec.h"
#include "sandbox/link/main_io.h"
#include "sandbox/link/report.h"
#include "sandbox/link/spool.h"

static void
peer_up(void *self, struct peer *peer)
{
	struct link *link = self;

	if (peer->role == ROLE_RELAY)
		enrol_begin(link);
}

static void
peer_down(void *self, struct peer *peer, const struct why *why)
{
	struct link *link = self;

	if (peer->role == ROLE_SUPERVISOR) { /* the sandbox ends with it */
		loop_stop(link->loop);
		return;
	}
	enrol_lost(link, why == NULL ? "the relay is away" : why->text);
	reports_pause(link);
	spool_pause(link);
	exec_end_all(link);
}

void
link_init(struct link *link, struct loop *loop)
{
	*link = (struct link){.loop = loop};
	list_init(&link->execs);
	spool_init(&link->spool);
	/* The supervisor may remember commands of a link that was here before: numbers must not meet. */
	randombytes_buf(&link->next_command, sizeof(link->next_command));
	link->next_command >>= 1;
	link->bus = (struct bus){
	    .loop = loop,
	    .role = ROLE_LINK,
	    .name = "link",
	    .routes = link_routes,
	    .self = link,
	    .peer_up = peer_up,
	    .peer_down = peer_down,
	    .state = LINK_WAITING,
	};
}

void
link_done(struct link *link)
{
	link->bus.peer_down = NULL;
	exec_end_all(link);
	reports_done(link);
	spool_done(link);
	main_io_free(link->main_io);
	loop_timer_stop(link->loop, &link->enrolment.again);
	peer_unref(link->enrolment.setup.peer);
	explicit_bzero(&link->setup, sizeof(link->setup));
}

/* Copy a key out of a message, and leave nothing of it in the buffer that it came in. */
static void
key_move(void *to, struct span from)
{
	memcpy(to, from.at, 32);
	explicit_bzero((void *)(uintptr_t)from.at, 32);
}

/*
 * Where to connect, and as whom. Taken once; the connection is made when the jail has been entered.
 *
 * in      link_setup, from the supervisor
 * out     enrolled (done, where again is set), once it is; as an event when link_setup was one
 * errors  ERR_DENIED, ERR_CONFLICT, ERR_NOT_FOUND: the relay refused this sandbox for good
 */
enum err
link_setup(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	struct link *link = self;
	struct setup *setup = &link->setup;
	const struct msg_link_setup *in = &m->link_setup;

	(void)answer;
	if (!span_copy(in->relay, setup->relay, sizeof(setup->relay)))
		return fail(why, ERR_RANGE, "the relay's endpoint has over %zu bytes", sizeof(setup->relay) - 1);
	memcpy(setup->relay_key, in->relay_key.at, sizeof(setup->relay_key));
	memcpy(setup->router_key, in->router_key.at, sizeof(setup->router_key));
	memcpy(setup->router_mac, in->router_mac.at, sizeof(setup->router_mac));
	key_move(setup->bus_key.bytes, in->bus_key);
	key_move(setup->token.bytes, in->token);
	setup->sandbox = in->sandbox;
	setup->instance = in->instance;
	setup->epoch = in->epoch;
	setup->again = in->again;
	if (m->call != 0)
		link->enrolment.setup = reply_later(m);
	link->bus.state = LINK_RUNNING;
	link->ready = true;
	return OK;
}
