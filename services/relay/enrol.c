/* Enrolment: a stranger's time for it, state's word, one session for each sandbox, and telling state of them.
 */
#include "services/relay/enrol.h"

#include <stdlib.h>

#include "common/base/log.h"
#include "services/relay/passage.h"

#define ANNOUNCE_BATCH	  500 /* session_up messages in one turn: far below any queue's end */
#define ANNOUNCE_AGAIN_MS 50

static void
stranger_late(void *self)
{
	struct session *session = self;

	session->relay->counts.late++;
	session_cut(session, "stranger.cut", "it did not enrol in time, or too many wait");
}

void
session_open(struct relay *relay, struct peer *peer)
{
	struct session *session = calloc(1, sizeof(*session));

	if (session == NULL)
		abort();
	session->relay = relay;
	session->peer = peer_ref(peer);
	list_init(&session->passages);
	list_append(&relay->strangers, &session->link);
	peer->self = session;
	loop_timer_set(relay->loop, &session->deadline, ++relay->strangers_n > STRANGERS_MAX ? 0 : STRANGER_MS,
	    stranger_late, session);
}

/* State is told only of the end of what it was told the beginning of. */
static void
tell_down(const struct session *session)
{
	struct msg m = {.id = SESSION_DOWN, .session_down = {session->sandbox, session->epoch, session->instance}};

	/* Away: it hears of all sessions when it is back, and so that this one is not among them. */
	if (peer_tell(session->relay->state, &m, NULL) != OK)
		log_debug("session.untold", "sandbox=%s", id_text(session->sandbox));
}

/* Leave every table and list; what is left is the connection alone. */
static void
detach(struct session *session, const char *words)
{
	struct relay *relay = session->relay;

	passage_end_all(session, words);
	loop_timer_stop(relay->loop, &session->deadline);
	list_remove(&session->link);
	table_remove(&relay->by_sandbox, &session->by_sandbox);
	if (session->check != 0) {
		call_cancel(relay->state, session->check);
		relay->checks_n--;
	}
	session->check = 0;
	if (!session->enrolled)
		relay->strangers_n--;
	else if (!session->replaced)
		tell_down(session);
}

void
session_close(struct session *session, const char *words)
{
	const struct why why = {"the connection is gone"};

	detach(session, words);
	if (session->enrolled)
		log_info("session.close", "sandbox=%s epoch=%u why=\"%s\"", id_text(session->sandbox), session->epoch,
		    words);
	reply_fail(&session->reply, ERR_UNAVAILABLE, &why);
	session->peer->self = NULL;
	peer_unref(session->peer);
	free(session);
}

/* Send session_up for those that wait for it, some at a time; false when state cannot take more now. */
static bool
announce_some(struct relay *relay)
{
	struct session *session;
	size_t sent = 0;

	list_each(session, &relay->unannounced, struct session, link) {
		struct msg m = {.id = SESSION_UP,
		    .session_up = {session->sandbox, session->epoch, session->instance, session->config_revision,
			session->secrets_revision}};

		if (peer_tell(relay->state, &m, NULL) != OK)
			return false;
		list_remove(&session->link);
		list_append(&relay->sessions, &session->link);
		if (++sent == ANNOUNCE_BATCH)
			break;
	}
	return true;
}

static void
announce(void *self)
{
	struct relay *relay = self;
	bool done = announce_some(relay);

	if (relay->state->up && !list_empty(&relay->unannounced))
		loop_timer_set(relay->loop, &relay->announce, done ? 0 : ANNOUNCE_AGAIN_MS, announce, relay);
}

void
session_announce_all(struct relay *relay)
{
	struct session *session;

	list_each(session, &relay->sessions, struct session, link) {
		list_remove(&session->link);
		list_append(&relay->unannounced, &session->link);
	}
	announce(relay);
}

/*
 * An older session gives way. State is told before session_up of the newer one, and not at all when that is the same
 * start: to state it never was away. Cutting a connection shows which others are gone: false when the newer one is, and
 * its session with it.
 */
static bool
replace(struct session *old, const struct session *newer)
{
	const struct session was = *old;
	struct peer *peer = peer_ref(newer->peer);
	bool same_start = old->epoch == newer->asked.epoch, there;

	if (!same_start)
		tell_down(old);
	old->replaced = true;
	table_remove(&old->relay->by_sandbox, &old->by_sandbox);
	session_cut(old, "session.replaced", "the sandbox has connected again");
	there = peer->self != NULL;
	peer_unref(peer);
	if (!there && same_start)
		tell_down(&was);
	return there;
}

/* A sandbox has one session: an older one gives way, an older start does not come back. */
static enum err
may_enter(const struct session *session, struct session **older, struct why *why)
{
	struct relay *relay = session->relay;
	struct session *other = *older = session_find(relay, session->asked.sandbox);

	if (other == NULL && relay->by_sandbox.count >= SESSIONS_MAX)
		return fail(why, ERR_LIMIT, "%d sandboxes are connected", SESSIONS_MAX);
	if (other == NULL)
		return OK;
	if (other->epoch > session->asked.epoch)
		return fail(why, ERR_CONFLICT, "start %u of the sandbox is connected", other->epoch);
	if (other->epoch == session->asked.epoch &&
	    memcmp(other->peer->key, session->peer->key, sizeof(session->peer->key)) != 0)
		return fail(why, ERR_CONFLICT, "another key holds this start of the sandbox");
	return OK;
}

static void
adopt(struct session *session)
{
	struct relay *relay = session->relay;

	loop_timer_stop(relay->loop, &session->deadline);
	list_remove(&session->link);
	relay->strangers_n--;
	session->enrolled = true;
	session->sandbox = session->asked.sandbox;
	session->epoch = session->asked.epoch;
	session->instance = session->asked.instance;
	peer_enrol(session->peer, session->sandbox, session->epoch);
	table_put(&relay->by_sandbox, &session->by_sandbox, session_hash(session->sandbox));
	list_append(&relay->unannounced, &session->link);
	announce(relay);
	log_info("session.open", "sandbox=%s epoch=%u", id_text(session->sandbox), session->epoch);
}

static void
enrol_checked(void *self, enum err r, struct msg *answer, const struct why *why)
{
	struct session *session = self, *older = NULL;
	struct why reason = {0};

	session->check = 0;
	session->relay->checks_n--;
	if (r == OK && answer->id != ENROLLED)
		r = fail(&reason, ERR_PROTOCOL, "state answered enrol_check with another message");
	else if (r == OK)
		r = may_enter(session, &older, &reason);
	else
		reason = *why;
	if (r != OK) {
		log_warning("enrol.refused", "sandbox=%s epoch=%u error=%s why=\"%s\"", id_text(session->asked.sandbox),
		    session->asked.epoch, err_name(r), reason.text);
		reply_fail(&session->reply, r, &reason);
		return;
	}
	if (older != NULL && !replace(older, session))
		return;
	session->config_revision = answer->enrolled.config_revision;
	adopt(session);
	reply_send(&session->reply, answer);
}

/*
 * A stranger says which sandbox it is; state decides. Its CURVE key goes along: the token is bound to the
 * first key.
 *
 * in      enrol, from a stranger
 * out     enrolled, as state gave it
 * errors  ERR_BUSY an enrol of it is being looked at; state's (ERR_DENIED, ERR_CONFLICT, ERR_NOT_FOUND,
 *         ERR_UNAVAILABLE); ERR_CONFLICT a later start or another key is connected; ERR_LIMIT;
 *         ERR_UNAVAILABLE ENROL_CHECKS_MAX are being looked at
 */
enum err
session_enrol(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	struct relay *relay = self;
	struct session *session = m->from->self;
	const struct msg_enrol *in = &m->enrol;
	struct msg check = {.id = ENROL_CHECK,
	    .enrol_check = {.sandbox = in->sandbox,
		.epoch = in->epoch,
		.instance = in->instance,
		.token = in->token,
		.router_key = in->router_key,
		.router_mac = in->router_mac,
		.bus_key = span_of_bytes(m->from->key, sizeof(m->from->key))}};

	(void)answer;
	if (m->call == 0)
		return fail(why, ERR_PROTOCOL, "enrol wants an answer: send it as a request");
	if (session->check != 0)
		return fail(why, ERR_BUSY, "an enrolment of this connection is being looked at");
	if (relay->checks_n >= ENROL_CHECKS_MAX) /* strangers together must not be more than state can look at */
		return fail(
		    why, ERR_UNAVAILABLE, "%d enrolments are being looked at; try again in a moment", ENROL_CHECKS_MAX);
	relay->checks_n++;
	session->asked.sandbox = in->sandbox;
	session->asked.epoch = in->epoch;
	session->asked.instance = in->instance;
	session->secrets_revision = in->secrets_revision;
	session->reply = reply_later(m);
	session->check = peer_call(relay->state, &check, CALL_DEADLINE_MS, enrol_checked, session);
	return OK;
}

/*
 * A sandbox stops, is deleted or starts anew: its session ends.
 *
 * in      session_drop, from state
 * out     done, where an answer is wanted; also when there is no such session
 */
enum err
session_drop(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	struct session *session = session_find(self, m->session_drop.sandbox);

	(void)why;
	if (session != NULL && session->epoch <= m->session_drop.epoch)
		session_cut(session, "session.dropped", "the sandbox ends");
	if (m->call != 0)
		answer->id = DONE;
	return OK;
}
