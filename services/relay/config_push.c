/* What goes down: configuration and boxed secrets, from state to the one session they are for, which must not miss them. */
#include "services/relay/config_push.h"

#include "common/base/log.h"

/* To the session of that start; NULL when it is not connected, or takes nothing now: then its connection is ended. */
static struct session *
pass_down(const struct relay *relay, const struct msg *m, struct id sandbox, uint32_t epoch, struct why *why)
{
	struct session *session = session_find(relay, sandbox);

	if (session == NULL || session->epoch != epoch) {
		log_debug("push.stray", "name=%s sandbox=%s epoch=%u", msg_info(m->id)->name, id_text(sandbox), epoch);
		return NULL;
	}
	if (peer_tell(session->peer, m, why) == OK)
		return session;
	session_cut(session, "push.stuck", why->text);
	return NULL;
}

/*
 * What is in force for a sandbox changed. One that is not connected gets it when it enrols; so does one that takes
 * nothing now: its connection is ended.
 *
 * in      config_push, from state
 */
enum err
config_push(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	const struct msg_config_push *in = &m->config_push;
	struct session *session = pass_down(self, m, in->sandbox, in->epoch, why);

	if (m->call != 0)
		answer->id = DONE;
	if (session != NULL)
		session->config_revision = in->config_revision;
	return OK;
}

/*
 * Secrets for a sandbox's router, boxed: nothing of it can be read here. The same, but that what counts as given is what
 * the sandbox says it uses.
 *
 * in      secrets_push, from state
 */
enum err
secrets_push(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	(void)pass_down(self, m, m->secrets_push.sandbox, m->secrets_push.epoch, why);
	if (m->call != 0)
		answer->id = DONE;
	return OK;
}
