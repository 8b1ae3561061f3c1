/* Configuration: passed up once, as the answer to link_setup; after that only what is newer, as config_push. And boxed secrets. */
#include "sandbox/link/config.h"

#include "common/base/log.h"
#include "sandbox/link/ocsf.h"

/* The supervisor's channel keeps what it has no room for: untold means that it is gone, and so are we. */
static void
pass_up(struct link *link, const struct msg *m, uint64_t revision)
{
	struct why why;

	if (peer_tell(link->supervisor, m, &why) != OK)
		log_warning("supervisor.untold", "why=\"%s\"", why.text);
	else
		link->config_revision = revision;
}

static void
newer_up(struct link *link, const struct msg_enrolled *from)
{
	const struct msg m = {.id = CONFIG_PUSH,
	    .config_push = {.sandbox = link->setup.sandbox,
		.epoch = link->setup.epoch,
		.policy = from->policy,
		.policy_version = from->policy_version,
		.settings = from->settings,
		.settings_n = from->settings_n,
		.config_revision = from->config_revision,
		.retain = from->retain}};

	if (from->config_revision == link->config_revision)
		return;
	log_info("config.newer", "policy=%u", from->policy_version);
	pass_up(link, &m, from->config_revision);
}

void
config_enrolled(struct link *link, const struct msg *answer)
{
	struct enrolment *e = &link->enrolment;

	ocsf_settings(link, answer->enrolled.settings, answer->enrolled.settings_n);
	if (e->passed_up || link->setup.again) {
		reply_send(&e->setup, &(struct msg){.id = DONE});
		newer_up(link, &answer->enrolled);
	} else if (e->setup.peer != NULL) {
		reply_send(&e->setup, answer);
		link->config_revision = answer->enrolled.config_revision;
	} else {
		pass_up(link, answer, answer->enrolled.config_revision);
	}
	e->passed_up = true;
}

/*
 * What is in force changed while we are connected.
 *
 * in      config_push, from the relay
 * errors  ERR_STATE it is for another start than this
 */
enum err
config_push(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	struct link *link = self;
	const struct msg_config_push *in = &m->config_push;

	if (m->from != link->relay)
		return fail(why, ERR_DENIED, "only the relay brings configuration");
	if (!link->enrolment.done || !id_equal(in->sandbox, link->setup.sandbox) || in->epoch != link->setup.epoch)
		return fail(why, ERR_STATE, "configuration for another start than this");
	ocsf_settings(link, in->settings, in->settings_n);
	pass_up(link, m, in->config_revision);
	if (m->call != 0)
		answer->id = DONE;
	return OK;
}

/*
 * Secrets for the router of this sandbox, in a box that it alone can open; passed on as it is.
 *
 * in      secrets_push, from the relay
 * errors  ERR_STATE it is for another start than this; ERR_UNAVAILABLE the supervisor is gone
 */
enum err
secrets_push(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	struct link *link = self;
	const struct msg_secrets_push *in = &m->secrets_push;
	enum err r;

	if (m->from != link->relay)
		return fail(why, ERR_DENIED, "only the relay brings secrets");
	if (!link->enrolment.done || !id_equal(in->sandbox, link->setup.sandbox) || in->epoch != link->setup.epoch)
		return fail(why, ERR_STATE, "secrets for another start than this");
	if ((r = peer_tell(link->supervisor, m, why)) == OK && m->call != 0)
		answer->id = DONE;
	return r;
}
