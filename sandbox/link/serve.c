/* The link at work: what begins and ends with its two peers. */
#include "sandbox/link/serve.h"

#include <sodium.h>

#include "common/base/log.h"
#include "sandbox/link/attach.h"
#include "sandbox/link/door.h"
#include "sandbox/link/enrol.h"
#include "sandbox/link/exec.h"
#include "sandbox/link/helpers.h"
#include "sandbox/link/main_io.h"
#include "sandbox/link/report.h"
#include "sandbox/link/routes.h"
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
	if (peer->role != ROLE_RELAY) {
		attach_peer_down(link, peer);
		helper_gone(link, peer);
		return;
	}
	enrol_lost(link, why == NULL ? "the relay is away" : why->text);
	reports_pause(link);
	spool_pause(link);
	exec_end_all(link);
	door_end_all(link);
}

void
link_init(struct link *link, struct loop *loop)
{
	*link = (struct link){.loop = loop};
	list_init(&link->flows);
	list_init(&link->execs);
	list_init(&link->doors);
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
	door_end_all(link);
	helpers_done(link);
	reports_done(link);
	spool_done(link);
	main_io_free(link->main_io);
	loop_timer_stop(link->loop, &link->enrolment.again);
	peer_unref(link->enrolment.setup.peer);
	explicit_bzero(&link->setup, sizeof(link->setup));
}
