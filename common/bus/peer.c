/* Peers: calls and their deadlines, and the one way in for every message. */
#include "common/bus/peer.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/log.h"

#define ARENA_BYTES	  (8u << 20)
#define HELLO_DEADLINE_MS 5000
#define FLOOD_FACTOR	  10 /* times its rate */

/* A call of ours that waits for its answer. */
struct call {
	struct list link; /* in peer.calls */
	struct peer *peer;
	uint64_t number;
	struct timer timer; /* the deadline; or at once, when it failed before it was sent */
	call_done *done;
	void *self;
	enum err failed;
	struct why why;
};

void
bus_init(struct bus *bus)
{
	assert(bus->loop != NULL && bus->name != NULL);
	list_init(&bus->peers);
	bus->arena.max_bytes = ARENA_BYTES;
	bus->release = bus->release == 0 ? BUS_RELEASE : bus->release;
}

/* One that ends may take others with it, so each look begins anew. */
static struct peer *
still_there(struct bus *bus)
{
	struct peer *peer;

	list_each(peer, &bus->peers, struct peer, link)
		if (!peer->dialled && !peer->ended)
			return peer;
	return NULL;
}

void
bus_done(struct bus *bus)
{
	struct peer *peer;

	if (bus->peers.next == NULL)
		return;
	while ((peer = still_there(bus)) != NULL)
		peer->transport->cut(peer);
	arena_reset(&bus->arena);
	free(bus->buffer);
	bus->buffer = NULL;
	bus->room = 0;
}

struct peer *
bus_peer(struct bus *bus, enum role role, const char *name)
{
	struct peer *peer;

	list_each(peer, &bus->peers, struct peer, link)
		if (peer->role == role && (name == NULL || strcmp(peer->name, name) == 0))
			return peer;
	return NULL;
}

struct peer *
peer_new(struct bus *bus, enum role role, const char *name, const struct transport *transport, void *wire)
{
	struct peer *peer = calloc(1, sizeof(*peer));

	if (peer == NULL)
		abort();
	peer->bus = bus;
	peer->role = role;
	peer->transport = transport;
	peer->wire = wire;
	peer->references = 1;
	peer->release = bus->release;
	snprintf(peer->name, sizeof(peer->name), "%s", name);
	list_init(&peer->calls);
	list_append(&bus->peers, &peer->link);
	return peer;
}

struct peer *
peer_ref(struct peer *peer)
{
	peer->references++;
	return peer;
}

void
peer_unref(struct peer *peer)
{
	if (peer == NULL || --peer->references > 0)
		return;
	assert(list_empty(&peer->calls));
	list_remove(&peer->link);
	peer->transport->free(peer);
	free(peer->in_second);
	free(peer);
}

/* ---- calls ---- */

static void
call_end(struct call *call, enum err r, struct msg *answer, const struct why *why)
{
	call_done *done = call->done;
	void *self = call->self;

	loop_timer_stop(call->peer->bus->loop, &call->timer);
	list_remove(&call->link);
	peer_unref(call->peer);
	free(call);
	done(self, r, answer, why);
}

static void
call_late(void *self)
{
	struct call *call = self;
	struct why why = call->why;

	if (call->failed != OK) {
		call_end(call, call->failed, NULL, &why);
		return;
	}
	fail(&why, ERR_TIMEOUT, "%s did not answer in time", call->peer->name);
	call_end(call, ERR_TIMEOUT, NULL, &why);
}

static enum err
send_envelope(struct peer *peer, struct envelope *envelope, struct why *why)
{
	struct bus *bus = peer->bus;
	size_t length;
	enum err r;

	envelope->release = peer->release;
	if ((r = envelope_encode(envelope, &bus->buffer, &bus->room, &length, why)) != OK)
		return r;
	r = peer->transport->send(
	    peer, span_of_bytes(bus->buffer, length), envelope->msg.fds, envelope->msg.fds_n, why);
	explicit_bzero(bus->buffer, length); /* it may have held a key or a token */
	return r;
}

static uint64_t
call_start(struct peer *peer, const struct msg *m, uint32_t deadline_ms, call_done *done, void *self, bool greeting)
{
	struct envelope envelope = {.kind = ENVELOPE_REQUEST, .msg = *m};
	struct call *call = calloc(1, sizeof(*call));

	if (call == NULL)
		abort();
	call->peer = peer_ref(peer);
	call->number = envelope.call = ++peer->bus->next_call;
	call->done = done;
	call->self = self;
	list_append(&peer->calls, &call->link);
	if (!peer->up && !greeting)
		call->failed = fail(&call->why, ERR_UNAVAILABLE, "%s is not connected", peer->name);
	else
		call->failed = send_envelope(peer, &envelope, &call->why);
	loop_timer_set(peer->bus->loop, &call->timer, call->failed != OK ? 0 : deadline_ms, call_late, call);
	return call->number;
}

uint64_t
peer_call(struct peer *peer, const struct msg *m, uint32_t deadline_ms, call_done *done, void *self)
{
	return call_start(peer, m, deadline_ms, done, self, false);
}

static struct call *
call_find(struct peer *peer, uint64_t number)
{
	struct call *call;

	list_each(call, &peer->calls, struct call, link)
		if (call->number == number)
			return call;
	return NULL;
}

void
call_cancel(struct peer *peer, uint64_t number)
{
	struct call *call = number == 0 ? NULL : call_find(peer, number);

	if (call == NULL)
		return;
	loop_timer_stop(peer->bus->loop, &call->timer);
	list_remove(&call->link);
	free(call);
	peer_unref(peer);
}

enum err
peer_tell(struct peer *peer, const struct msg *m, struct why *why)
{
	struct envelope envelope = {.kind = ENVELOPE_EVENT, .msg = *m};

	if (!peer->up)
		return fail(why, ERR_UNAVAILABLE, "%s is not connected", peer->name);
	return send_envelope(peer, &envelope, why);
}

struct reply
reply_later(const struct msg *m)
{
	return (struct reply){.peer = peer_ref(m->from), .call = m->call, .life = m->from->life};
}

static void
reply_with(struct reply *reply, struct envelope *envelope)
{
	struct peer *peer = reply->peer;
	struct why why = {0};

	if (peer == NULL)
		return;
	reply->peer = NULL;
	envelope->call = reply->call;
	if (reply->call != 0 && peer->up && peer->life == reply->life && send_envelope(peer, envelope, &why) != OK) {
		log_warning("bus.answer", "to=%s why=\"%s\"", peer->name, why.text);
		*envelope = (struct envelope){.kind = ENVELOPE_ERROR,
		    .call = reply->call,
		    .error = ERR_INTERNAL,
		    .words = SPAN("the answer could not be sent")};
		(void)!send_envelope(peer, envelope, &why);
	}
	peer_unref(peer);
}

void
reply_send(struct reply *reply, const struct msg *answer)
{
	struct envelope envelope = {.kind = ENVELOPE_ANSWER, .msg = *answer};

	reply_with(reply, &envelope);
}

void
reply_fail(struct reply *reply, enum err code, const struct why *why)
{
	struct envelope envelope = {.kind = ENVELOPE_ERROR,
	    .error = code,
	    .words = why == NULL || why->text[0] == '\0' ? span_of_text(err_words(code)) : span_of_text(why->text)};

	reply_with(reply, &envelope);
}

/* ---- links up and down ---- */

void
peer_is_up(struct peer *peer)
{
	peer->up = true;
	peer->life++;
	if (peer->bus->peer_up != NULL)
		peer->bus->peer_up(peer->bus->self, peer);
}

void
peer_is_down(struct peer *peer, const struct why *why)
{
	bool was_up = peer->up;
	struct why gone = {0};

	peer_ref(peer);
	peer->up = false;
	peer->ended = true;
	peer->life++;
	fail(&gone, ERR_UNAVAILABLE, "%s went away: %s", peer->name, why == NULL ? "" : why->text);
	while (!list_empty(&peer->calls)) {
		struct call *call = list_item(peer->calls.next, struct call, link);

		call_end(call, ERR_UNAVAILABLE, NULL, &gone);
	}
	if (was_up && peer->bus->peer_down != NULL)
		peer->bus->peer_down(peer->bus->self, peer, why);
	if (!peer->dialled)
		peer_unref(peer);
	peer_unref(peer);
}

/* Of two that meet, one may be a release behind: then both speak as that one does. */
static bool
releases_meet(struct peer *peer, uint32_t release)
{
	uint32_t ours = peer->bus->release;

	if (release > ours + 1 || ours > release + 1)
		return false;
	peer->release = release < ours ? release : ours;
	return true;
}

static void
greeted(void *self, enum err r, struct msg *answer, const struct why *why)
{
	struct peer *peer = self;

	if (r == OK && answer->id == WELCOME && answer->welcome.release <= peer->bus->release &&
	    releases_meet(peer, answer->welcome.release)) {
		peer_is_up(peer);
		return;
	}
	if (r == ERR_UNAVAILABLE)
		return; /* it went away again: the transport redials */
	log_warning("bus.greeting", "peer=%s why=\"%s\"", peer->name, why == NULL ? "" : why->text);
	peer->transport->cut(peer);
}

void
peer_greet(struct peer *peer)
{
	struct msg m = {.id = HELLO, .hello = {.release = peer->bus->release, .name = span_of_text(peer->bus->name)}};

	peer->release = peer->bus->release;
	call_start(peer, &m, HELLO_DEADLINE_MS, greeted, peer, true);
}

/* ---- what comes in ---- */

static enum err
welcome_back(struct peer *peer, const struct msg *m, struct why *why)
{
	struct envelope envelope = {.kind = ENVELOPE_ANSWER, .call = m->call};
	enum err r;

	if (peer->up || peer->dialled || m->call == 0)
		return fail(why, ERR_PROTOCOL, "hello out of place");
	if (!releases_meet(peer, m->hello.release))
		return fail(why, ERR_PROTOCOL, "it is of release %u, this is %u", m->hello.release, peer->bus->release);
	envelope.msg =
	    (struct msg){.id = WELCOME, .welcome = {.release = peer->release, .name = span_of_text(peer->bus->name)}};
	if ((r = send_envelope(peer, &envelope, why)) == OK)
		peer_is_up(peer);
	return r;
}

static const struct route *
route_find(const struct bus *bus, enum msg_id id, size_t *place)
{
	for (size_t i = 0; bus->routes != NULL && bus->routes[i].handle != NULL; i++)
		if (bus->routes[i].id == id) {
			*place = i;
			return &bus->routes[i];
		}
	return NULL;
}

static size_t
routes_count(const struct bus *bus)
{
	size_t n = 0;

	while (bus->routes[n].handle != NULL)
		n++;
	return n;
}

static bool
within_rate(struct peer *peer, const struct route *route, size_t place)
{
	uint64_t second = clock_ms() / 1000;

	if (route->per_second == 0)
		return true;
	if (peer->in_second == NULL && (peer->in_second = calloc(routes_count(peer->bus), sizeof(uint32_t))) == NULL)
		abort();
	if (peer->second != second) {
		peer->second = second;
		memset(peer->in_second, 0, routes_count(peer->bus) * sizeof(uint32_t));
	}
	return ++peer->in_second[place] <= route->per_second;
}

static enum err
handle(struct peer *peer, const struct route *route, size_t place, struct msg *m, struct msg *answer, struct why *why)
{
	struct bus *bus = peer->bus;

	if (!within_rate(peer, route, place))
		return fail(why, ERR_LIMIT, "more than %u a second", route->per_second);
	if (route->states != 0 && (route->states & bus->state) == 0)
		return fail(why, ERR_STATE, "%s does not take this now", bus->name);
	return route->handle(bus->self, m, answer, why);
}

/* A sandbox that goes on far above its rate would have us answer without end: it is cut off instead. */
static bool
floods(const struct peer *peer, const struct route *route, size_t place)
{
	return (peer->role & (ROLE_LINK | ROLE_STRANGER)) != 0 && route->per_second != 0 &&
	       peer->in_second[place] / FLOOD_FACTOR > route->per_second;
}

static enum err
serve(struct peer *peer, struct msg *m, struct why *cut)
{
	struct reply reply = {.peer = peer, .call = m->call, .life = peer->life};
	struct msg answer = {0};
	struct why why = {0};
	size_t place = 0;
	const struct route *route = route_find(peer->bus, m->id, &place);
	enum err r;

	r = route == NULL ? fail(&why, ERR_UNIMPLEMENTED, "%s takes no %s", peer->bus->name, msg_info(m->id)->name)
			  : handle(peer, route, place, m, &answer, &why);
	if (route != NULL && r == ERR_LIMIT && floods(peer, route, place))
		return fail(cut, ERR_LIMIT, "%s: far more than %u a second", msg_info(m->id)->name, route->per_second);
	if (m->call == 0) {
		if (r != OK)
			log_debug(
			    "bus.event", "name=%s from=%s why=\"%s\"", msg_info(m->id)->name, peer->name, why.text);
		return OK;
	}
	if (r == OK && answer.id == MSG_NONE)
		return OK; /* later */
	peer_ref(peer);
	if (r == OK)
		reply_send(&reply, &answer);
	else
		reply_fail(&reply, r, &why);
	return OK;
}

static void
take_answer(struct peer *peer, struct envelope *envelope)
{
	struct call *call = call_find(peer, envelope->call);
	struct why why = {0};

	if (call == NULL)
		return; /* late or cancelled */
	if (envelope->kind == ENVELOPE_ANSWER) {
		call_end(call, OK, &envelope->msg, &why);
		return;
	}
	fail(&why, envelope->error, SPAN_FORMAT, SPAN_ARGS(envelope->words));
	call_end(call, envelope->error, NULL, &why);
}

static enum err
check_sender(const struct peer *peer, const struct envelope *envelope, struct why *why)
{
	const struct msg_info *info = msg_info(envelope->msg.id);

	if (envelope->kind == ENVELOPE_ERROR)
		return OK;
	if ((info->from & peer->role) == 0)
		return fail(why, ERR_DENIED, "%s may not be sent by a %s", info->name, role_name(peer->role));
	if ((info->to & peer->bus->role) == 0)
		return fail(why, ERR_DENIED, "%s is not for a %s", info->name, role_name(peer->bus->role));
	return OK;
}

static enum err
receive(struct peer *peer, struct span bytes, int *fds, size_t fds_n, struct why *why)
{
	struct envelope envelope;
	enum err r;

	if ((r = envelope_decode(bytes, peer->release, &peer->bus->arena, &envelope, why)) != OK ||
	    (r = check_sender(peer, &envelope, why)) != OK)
		return r;
	envelope.msg.from = peer;
	envelope.msg.arena = &peer->bus->arena;
	envelope.msg.fds_n = fds_n;
	for (size_t i = 0; i < MSG_FDS_MAX; i++)
		envelope.msg.fds[i] = i < fds_n ? fds[i] : -1;
	if (envelope.kind == ENVELOPE_ANSWER || envelope.kind == ENVELOPE_ERROR)
		take_answer(peer, &envelope);
	else if (envelope.msg.id == HELLO)
		r = welcome_back(peer, &envelope.msg, why);
	else if (!peer->up)
		r = fail(why, ERR_PROTOCOL, "%s before hello", msg_info(envelope.msg.id)->name);
	else
		r = serve(peer, &envelope.msg, why);
	for (size_t i = 0; i < fds_n; i++)
		fds[i] = envelope.msg.fds[i];
	return r;
}

void
peer_receive(struct peer *peer, struct span bytes, int *fds, size_t fds_n)
{
	struct bus *bus = peer->bus;
	struct why why = {0};
	enum err r;

	peer_ref(peer);
	r = receive(peer, bytes, fds, fds_n, &why);
	for (size_t i = 0; i < fds_n; i++)
		if (fds[i] >= 0)
			close(fds[i]);
	arena_reset(&bus->arena);
	if (r != OK) {
		bus->refused++;
		log_warning("bus.refused", "peer=%s role=%s why=\"%s\"", peer->name, role_name(peer->role),
		    log_quote(span_of_text(why.text)));
		peer->transport->cut(peer);
	}
	peer_unref(peer);
}
