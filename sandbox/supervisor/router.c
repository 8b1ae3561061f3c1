/* The router process: given the sandbox's box key and the boxes, as is each that takes its place. */
#include "sandbox/supervisor/supervisor.h"

#include <unistd.h>

#include "common/base/log.h"

#define READY_WAIT_MS 10000

static void
is_set_up(void *self, enum err r, struct msg *answer, const struct why *why)
{
	struct supervisor *s = self;

	(void)answer;
	if (r == OK || r == ERR_UNAVAILABLE)
		return;
	log_failure("router.setup", r, why);
	kept_renew(&s->secrets.router);
}

/* What came while it was away it gets behind what it has to have. */
static enum err
greet(void *self, struct why *why)
{
	struct supervisor *s = self;
	struct secrets *secrets = &s->secrets;
	struct msg m = {.id = ROUTER_SETUP,
	    .fds = {s->way.anchors},
	    .fds_n = 1,
	    .router_setup = {.sandbox = s->boot.sandbox,
		.epoch = s->boot.epoch,
		.box_key = span_of_bytes(s->identity.router_secret.bytes, 32),
		.credentials_key = s->boot.credentials_key}};

	(void)why;
	peer_call(secrets->router.peer, &m, READY_WAIT_MS, is_set_up, s);
	secrets->router.told = true;
	router_send(s, &secrets->good);
	router_send(s, &secrets->trying);
	secrets_introduce(s);
	return OK;
}

static void
gone(void *self)
{
	struct supervisor *s = self;

	s->secrets.introduced = false;
}

static bool
ended(void *self, int code)
{
	struct supervisor *s = self;

	if (s->bus.state == STATE_OVER)
		return false;
	linkage_say(s, "ERROR", "router ended with code %d: no secret is filled in until it is back", code);
	return true;
}

void
router_init(struct supervisor *s)
{
	s->secrets.possible = access("/opt/openshell/bin/router", X_OK) == 0;
	s->secrets.router = (struct kept){.name = "router",
	    .role = ROLE_ROUTER,
	    .bus = &s->bus,
	    .self = s,
	    .ready = finish_replaced,
	    .greet = greet,
	    .gone = gone,
	    .ended = ended,
	    .child.pidfd = -1};
}

enum err
router_start(struct supervisor *s, struct why *why)
{
	if (s->secrets.started)
		return OK;
	s->secrets.started = true;
	return kept_start(&s->secrets.router, why);
}

void
router_send(struct supervisor *s, const struct secrets_set *set)
{
	struct why why = {0};

	for (size_t i = 0; i < set->got; i++) {
		auto_arena struct arena arena = {0};
		struct msg m;

		given_read(&set->chunk[i], &arena, &m);
		m.call = 0;
		if (peer_tell(s->secrets.router.peer, &m, &why) != OK) {
			log_failure("router.secrets", ERR_UNAVAILABLE, &why); /* the next one is told */
			kept_renew(&s->secrets.router);
			return;
		}
	}
}
