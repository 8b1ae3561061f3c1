/* Configuration on its way down: from state to the one session it is for, which must not miss it. */
#include "services/relay/config_push.h"

#include "common/base/log.h"

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
	struct session *session = session_find(self, in->sandbox);

	if (m->call != 0)
		answer->id = DONE;
	if (session == NULL || session->epoch != in->epoch) {
		log_debug("config.stray", "sandbox=%s epoch=%u", id_text(in->sandbox), in->epoch);
		return OK;
	}
	if (peer_tell(session->peer, m, why) != OK) {
		session_cut(session, "config.stuck", why->text);
		return OK;
	}
	session->config_revision = in->config_revision;
	return OK;
}
