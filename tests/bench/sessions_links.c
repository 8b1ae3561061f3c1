/*
 * Links of simulated sandboxes: each has a CURVE key and a connection of its own, enrols, says which policy it decides by,
 * and does it all again when the relay comes back.
 */
#include "tests/bench/sessions_links.h"

#include <stdlib.h>
#include <string.h>

#include "sandbox/link/backoff.h"
#include "tests/bench/sessions_wire.h"

struct guest {
	struct wire wire;
	struct peer *peer;
	struct timer again;
	uint64_t call; /* that waits for its answer; 0: none */
	uint32_t delay_ms;
	struct id sandbox;
	struct msg_config_applied applied; /* policy_version 0: not enrolled */
};

static const uint8_t bytes32[32] = {3};

struct id
links_id(uint32_t number)
{
	struct id id = {{0}};

	memcpy(id.bytes, &number, sizeof(number));
	id.bytes[15] = 1;
	return id;
}

static void go_on(void *self);

/* What state refuses for a reason of its own stays refused: then there is nothing to measure. */
static void
later(struct guest *guest, enum err r, const struct why *why)
{
	if (!backoff_helps(r))
		give_up("a link was refused", why->text);
	if (guest->peer->up) /* otherwise its return begins anew */
		loop_timer_set(guest->peer->bus->loop, &guest->again, backoff_next(&guest->delay_ms), go_on, guest);
}

static void
acknowledged(void *self, enum err r, struct msg *answer, const struct why *why)
{
	struct guest *guest = self;

	(void)answer;
	guest->call = 0;
	if (r != OK)
		later(guest, r, why);
}

static void
enrolled(void *self, enum err r, struct msg *answer, const struct why *why)
{
	struct guest *guest = self;

	guest->call = 0;
	if (r != OK) {
		later(guest, r, why);
		return;
	}
	guest->delay_ms = 0;
	guest->applied = (struct msg_config_applied){.sandbox = guest->sandbox,
	    .epoch = 1,
	    .instance = guest->sandbox,
	    .policy_version = answer->enrolled.policy_version,
	    .config_revision = answer->enrolled.config_revision,
	    .loaded = true};
	go_on(guest);
}

/* Enrol, or acknowledge what enrolment brought. */
static void
go_on(void *self)
{
	struct guest *guest = self;
	const struct msg enrol = {.id = ENROL,
	    .enrol = {guest->sandbox, 1, guest->sandbox, span_of_bytes(bytes32, 32), span_of_bytes(bytes32, 32),
		span_of_bytes(bytes32, 32), 0}};
	const struct msg applied = {.id = CONFIG_APPLIED, .config_applied = guest->applied};
	bool in = guest->applied.policy_version != 0;

	if (guest->call == 0)
		guest->call = peer_call(
		    guest->peer, in ? &applied : &enrol, CALL_DEADLINE_MS, in ? acknowledged : enrolled, guest);
}

static void
came_up(void *self, struct peer *peer)
{
	(void)self;
	go_on(peer->self);
}

static void
went_down(void *self, struct peer *peer, const struct why *why)
{
	struct guest *guest = peer->self;

	(void)self;
	(void)why;
	loop_timer_stop(peer->bus->loop, &guest->again);
	guest->applied.policy_version = 0;
}

void
links_play(const char *endpoint, const uint8_t relay[32], uint32_t first, size_t count)
{
	static const struct route no_routes[] = {{0}};
	struct bus bus = {
	    .role = ROLE_LINK, .name = "link", .routes = no_routes, .peer_up = came_up, .peer_down = went_down};
	struct guest *guests = calloc(count, sizeof(*guests));
	void *context;
	struct why why = {0};

	if (guests == NULL || loop_new(&bus.loop, &why) != OK)
		give_up("begin", why.text);
	bus_init(&bus);
	context = wires_begin(bus.loop, count);
	for (size_t i = 0; i < count; i++) {
		guests[i].sandbox = links_id(first + (uint32_t)i);
		guests[i].peer = wire_open(&guests[i].wire, &bus, context, endpoint, relay);
		guests[i].peer->self = &guests[i];
	}
	if (loop_run(bus.loop, &why) != OK)
		give_up("loop", why.text);
	exit(0);
}
