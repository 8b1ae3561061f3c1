/* Pushes: what is in force goes to the relay that holds the sandbox's session; what finds no room goes later. */
#include "common/base/log.h"
#include "services/state/configure.h"
#include "services/state/sessions.h"

#define PUSHES_TURN 50 /* in one turn of the loop: others wait meanwhile */
#define AGAIN_MS    50 /* the relay's queue is full, or the database late */

static enum err
push(struct state *state, struct session *session, struct why *why)
{
	auto_arena struct arena arena = {0};
	struct effective now;
	struct msg m = {.id = CONFIG_PUSH};
	uint64_t revision;
	enum err r;

	if ((r = effective_revision(state, session->sandbox, &revision, why)) != OK)
		return r == ERR_NOT_FOUND ? OK : r;
	if (revision == session->config_revision)
		return OK;
	if ((r = effective_read(state, session->sandbox, &arena, &now, why)) != OK)
		return r == ERR_NOT_FOUND ? OK : r;
	m.config_push = (struct msg_config_push){
	    .sandbox = session->sandbox,
	    .epoch = session->epoch,
	    .policy = now.policy,
	    .policy_version = now.version,
	    .settings = now.settings,
	    .settings_n = now.settings_n,
	    .config_revision = now.revision,
	    .retain = now.retain,
	};
	if ((r = peer_tell(session->relay, &m, why)) != OK)
		return r;
	session->config_revision = now.revision;
	log_info("config.push", "sandbox=%s policy=%u revision=%016lx", id_text(session->sandbox), now.version,
	    (unsigned long)now.revision);
	return OK;
}

static void push_owed(void *self);

/* A relay that is gone tells of its sessions when it is back, and what they have. */
static bool
push_or_owe(struct state *state, struct session *session)
{
	struct why why = {0};
	enum err r = push(state, session, &why);

	session->owed = r == ERR_LIMIT || (r == ERR_UNAVAILABLE && session->relay->up);
	if (r != OK)
		log_debug("config.push", "sandbox=%s why=%s", id_text(session->sandbox), why.text);
	return !session->owed;
}

static void
push_owed(void *self)
{
	struct state *state = self;
	struct session *session;
	size_t n = 0;
	bool room = true, left = false;

	if (!state->serving)
		return; /* all are looked at when the database is back */
	for (size_t i = 0; i < SESSION_BUCKETS; i++)
		list_each(session, &state->sessions[i], struct session, link) {
			if (session->owed && room && n++ < PUSHES_TURN)
				room = push_or_owe(state, session);
			left |= session->owed;
		}
	if (left)
		loop_timer_set(state->loop, &state->pushing, room ? 0 : AGAIN_MS, push_owed, state);
}

void
push_config(struct state *state, struct id sandbox)
{
	struct session *session = session_find(state, sandbox);

	if (!id_none(sandbox)) {
		if (session != NULL && !push_or_owe(state, session))
			loop_timer_set(state->loop, &state->pushing, AGAIN_MS, push_owed, state);
		return;
	}
	for (size_t i = 0; i < SESSION_BUCKETS; i++)
		list_each(session, &state->sessions[i], struct session, link)
			session->owed = true;
	loop_timer_set(state->loop, &state->pushing, 0, push_owed, state);
}
