/* Sessions: which sandboxes are connected through which relay, in memory and in their rows, and what they tell. */
#include <stdlib.h>

#include "common/base/log.h"
#include "services/state/change.h"
#include "services/state/configure.h"
#include "services/state/secrets.h"
#include "services/state/sessions.h"

static struct list *
bucket(struct state *state, struct id sandbox)
{
	return &state->sessions[(sandbox.bytes[0] << 8 | sandbox.bytes[1]) % SESSION_BUCKETS];
}

struct session *
session_find(struct state *state, struct id sandbox)
{
	struct session *session;

	list_each(session, bucket(state, sandbox), struct session, link)
		if (id_equal(session->sandbox, sandbox))
			return session;
	return NULL;
}

static void
session_free(struct session *session)
{
	delivery_end(session);
	list_remove(&session->link);
	peer_unref(session->relay);
	free(session);
}

static void
session_keep(struct state *state, const struct change *change, struct peer *relay)
{
	struct session *session = session_find(state, change->sandbox), was = {0};

	if (session != NULL &&
	    (session->epoch > change->epoch || (session->epoch == change->epoch && session->relay == relay &&
						   id_equal(session->instance, change->instance))))
		return;
	if (session != NULL) {
		was = *session;
		session_free(session);
	}
	if ((session = calloc(1, sizeof(*session))) == NULL)
		abort();
	*session = (struct session){
	    .sandbox = change->sandbox, .instance = change->instance, .epoch = change->epoch, .relay = peer_ref(relay)};
	if (id_equal(was.instance, session->instance)) {
		session->config_revision = was.config_revision;
		session->owed = was.owed;
		session->secrets_revision = was.secrets_revision;
	}
	list_append(bucket(state, change->sandbox), &session->link);
	if (was.secrets_owed || was.delivery != NULL)
		deliver_secrets(state, change->sandbox);
}

/* A session of a start that is over, or of a sandbox that should not run: its relay is to end it. */
static void
tell_over(struct peer *relay, const struct change *change)
{
	struct msg m = {.id = SESSION_DROP, .session_drop = {change->sandbox, change->epoch}};

	if (peer_tell(relay, &m, NULL) != OK)
		log_debug("session.drop", "sandbox=%s", id_text(change->sandbox));
}

/* What came of a session; it was for nobody, or for another start: the session should not be. */
static enum err
session_change(struct change *change, struct peer *relay, struct why *why)
{
	enum err r;

	change->relay = relay->name;
	session_keep(change->state, change, relay);
	r = change_run(change, why);
	if (r == ERR_NOT_FOUND || (r == OK && (change->stale || !change->wanted)))
		tell_over(relay, change);
	return r == ERR_NOT_FOUND ? OK : r;
}

/*
 * A sandbox's link is connected and enrolled.
 *
 * in      session_up, from relay; lost when the database is away, and then caught up with by sessions_sync
 */
enum err
session_up(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	const struct msg_session_up *in = &m->session_up;
	struct change change = {.state = self,
	    .event = EVENT_SESSION_UP,
	    .sandbox = in->sandbox,
	    .epoch = in->epoch,
	    .instance = in->instance};
	struct session *session;
	enum err r;

	answer->id = DONE;
	if ((r = session_change(&change, m->from, why)) != OK)
		return r;
	if ((session = session_find(self, in->sandbox)) != NULL && session->epoch == in->epoch) {
		session->config_revision = in->config_revision;
		session->secrets_revision = in->secrets_revision;
	}
	push_config(self, in->sandbox); /* it may have changed since the sandbox was given what it has */
	deliver_secrets(self, in->sandbox);
	return OK;
}

/*
 * A sandbox's link is gone.
 *
 * in      session_down, from relay; as above
 */
enum err
session_down(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	const struct msg_session_down *in = &m->session_down;
	struct session *session = session_find(self, in->sandbox);
	struct change change = {.state = self,
	    .event = EVENT_SESSION_DOWN,
	    .sandbox = in->sandbox,
	    .epoch = in->epoch,
	    .instance = in->instance};
	enum err r;

	answer->id = DONE;
	if (session != NULL && session->relay != m->from)
		return OK; /* it has come back through another relay already */
	if (session != NULL && session->epoch == in->epoch && id_equal(session->instance, in->instance))
		session_free(session);
	r = change_run(&change, why);
	return r == ERR_NOT_FOUND ? OK : r;
}

/*
 * The walls stand and the main process runs.
 *
 * in      sandbox_ready, from relay
 * out     done
 * errors  ERR_UNAVAILABLE the database is away: say it again
 */
enum err
sandbox_ready(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	const struct msg_sandbox_ready *in = &m->sandbox_ready;
	static const struct span none;
	struct change change = {.state = self,
	    .event = EVENT_READY,
	    .sandbox = in->sandbox,
	    .epoch = in->epoch,
	    .instance = in->instance,
	    .policy_version = in->policy_version,
	    .walls_n = in->walls_n,
	    .walls = in->walls_n == 0 ? &none : in->walls};

	answer->id = DONE;
	return session_change(&change, m->from, why);
}

/*
 * The supervisor cannot start the sandbox: ERROR with its reason, until it is deleted.
 *
 * in      sandbox_failed, from relay
 * out     done
 * errors  ERR_UNAVAILABLE the database is away: say it again
 */
enum err
sandbox_failed(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	const struct msg_sandbox_failed *in = &m->sandbox_failed;
	static const struct span none;
	struct change change = {.state = self,
	    .event = EVENT_UNABLE,
	    .sandbox = in->sandbox,
	    .epoch = in->epoch,
	    .instance = in->instance,
	    .reason = in->reason,
	    .message = in->message,
	    .walls_n = in->walls_n,
	    .walls = in->walls_n == 0 ? &none : in->walls};

	answer->id = DONE;
	return session_change(&change, m->from, why);
}

/*
 * The main process ended: ERROR with reason MainProcessExited, whatever its code.
 *
 * in      main_exited, from relay
 * out     done: it need not be said again
 * errors  ERR_UNAVAILABLE the database is away: say it again
 */
enum err
main_exited(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	const struct msg_main_exited *in = &m->main_exited;
	const char *words = arena_format(m->arena, "the main process ended with exit code %u", in->exit_code);
	struct change change = {.state = self,
	    .event = EVENT_EXITED,
	    .sandbox = in->sandbox,
	    .epoch = in->epoch,
	    .instance = in->instance,
	    .exit_code = in->exit_code,
	    .message = span_of_text(words)};
	enum err r;

	answer->id = DONE;
	change.relay = m->from->name;
	r = change_run(&change, why);
	return r == ERR_NOT_FOUND ? OK : r;
}

void
sessions_down(struct state *state, struct peer *relay)
{
	struct session *session;
	struct why why = {0};

	for (size_t i = 0; i < SESSION_BUCKETS; i++)
		list_each(session, &state->sessions[i], struct session, link) {
			struct change change = {.state = state,
			    .event = EVENT_SESSION_DOWN,
			    .sandbox = session->sandbox,
			    .epoch = session->epoch,
			    .instance = session->instance};

			if (session->relay != relay)
				continue;
			session_free(session);
			if (change_run(&change, &why) == ERR_UNAVAILABLE)
				log_debug("session.down", "sandbox=%s why=%s", id_text(change.sandbox), why.text);
		}
}

void
sessions_done(struct state *state)
{
	struct session *session;

	for (size_t i = 0; i < SESSION_BUCKETS; i++)
		list_each(session, &state->sessions[i], struct session, link)
			session_free(session);
}

/* A row that says it is connected through us, but is not. */
static enum err
lost(struct state *state, const struct rows *rows, int row, struct why *why)
{
	struct change change = {.state = state, .event = EVENT_SESSION_LOST, .sandbox = rows_id(rows, row, 0)};
	struct session *session = session_find(state, change.sandbox);
	enum err r;

	if (session != NULL && session->epoch == rows_number(rows, row, 1) &&
	    id_equal(session->instance, rows_id(rows, row, 2)))
		return OK;
	r = change_run(&change, why);
	return r == ERR_NOT_FOUND ? OK : r;
}

static enum err
lost_all(struct state *state, struct why *why)
{
	struct args args = {0};
	auto_rows rows = {0};
	enum err r;

	args_text(&args, span_of_text(state->config.service.process));
	if ((r = db_run(&state->db, SQL_SESSIONS_OF, &args, &rows, why)) != OK)
		return r;
	for (int i = 0; i < rows.n && r == OK; i++)
		r = lost(state, &rows, i, why);
	return r;
}

static void
told(void *self)
{
	struct state *state = self;
	struct why why = {0};

	state->sessions_told = true;
	if (!state->serving || lost_all(state, &why) == OK)
		return; /* or when the database is back */
	log_warning("session.lost", "why=%s", log_quote(span_of_text(why.text)));
	state->sessions_told = false;
	sessions_await(state);
}

void
sessions_await(struct state *state)
{
	loop_timer_set(state->loop, &state->telling, state->config.session_wait_ms, told, state);
}

enum err
sessions_sync(struct state *state, struct why *why)
{
	struct session *session;
	enum err r;

	if (state->sessions_told && (r = lost_all(state, why)) != OK)
		return r;
	for (size_t i = 0; i < SESSION_BUCKETS; i++)
		list_each(session, &state->sessions[i], struct session, link) {
			struct change change = {.state = state,
			    .event = EVENT_SESSION_UP,
			    .sandbox = session->sandbox,
			    .epoch = session->epoch,
			    .instance = session->instance,
			    .relay = session->relay->name};

			if ((r = change_run(&change, why)) != OK && r != ERR_NOT_FOUND)
				return r;
		}
	return OK;
}
