/* Reports: passed on to state under the session's own ids; state's answer goes back to the link. */
#include "services/relay/report.h"

#include <stdlib.h>

#include "services/relay/session.h"

/* A report that waits for state's answer. */
struct passing {
	struct reply reply;
};

static void
passed(void *self, enum err r, struct msg *answer, const struct why *why)
{
	struct passing *passing = self;

	if (r == OK)
		reply_send(&passing->reply, answer);
	else
		reply_fail(&passing->reply, r, why);
	free(passing);
}

static enum err
pass_on(struct relay *relay, struct msg *m, struct why *why)
{
	struct passing *passing;

	if (m->call == 0)
		return peer_tell(relay->state, m, why);
	if ((passing = calloc(1, sizeof(*passing))) == NULL)
		abort();
	passing->reply = reply_later(m);
	peer_call(relay->state, m, CALL_DEADLINE_MS, passed, passing);
	return OK;
}

/*
 * The walls stand and the main process runs.
 *
 * in      sandbox_ready, from a link
 * out     what state answers
 * errors  state's; ERR_UNAVAILABLE state is away: the link tells it again
 */
enum err
report_ready(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	const struct session *session = m->from->self;

	(void)answer;
	m->sandbox_ready.sandbox = session->sandbox;
	m->sandbox_ready.epoch = session->epoch;
	m->sandbox_ready.instance = session->instance;
	return pass_on(self, m, why);
}

/* The sandbox cannot start. The same. */
enum err
report_failed(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	const struct session *session = m->from->self;

	(void)answer;
	m->sandbox_failed.sandbox = session->sandbox;
	m->sandbox_failed.epoch = session->epoch;
	m->sandbox_failed.instance = session->instance;
	return pass_on(self, m, why);
}

/* The main process ended. The same. */
enum err
report_main_exited(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	const struct session *session = m->from->self;

	(void)answer;
	m->main_exited.sandbox = session->sandbox;
	m->main_exited.epoch = session->epoch;
	m->main_exited.instance = session->instance;
	return pass_on(self, m, why);
}

/* It decides by a configuration, or refuses it. The same. */
enum err
report_applied(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	const struct session *session = m->from->self;

	(void)answer;
	m->config_applied.sandbox = session->sandbox;
	m->config_applied.epoch = session->epoch;
	m->config_applied.instance = session->instance;
	return pass_on(self, m, why);
}

/* It uses a revision of its secrets, or refuses it. The same; the next session_up says so too. */
enum err
report_secrets(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	struct session *session = m->from->self;

	(void)answer;
	m->secrets_applied.sandbox = session->sandbox;
	m->secrets_applied.epoch = session->epoch;
	if (m->secrets_applied.loaded)
		session->secrets_revision = m->secrets_applied.revision;
	return pass_on(self, m, why);
}

/* Lines of its log. The same. */
enum err
report_logs(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	const struct session *session = m->from->self;

	(void)answer;
	m->logs_add.sandbox = session->sandbox;
	return pass_on(self, m, why);
}
