/* Hot reload: each configuration that comes is tried; a good one is put in force; a bad one leaves the last good one or none. */
#include "sandbox/supervisor/supervisor.h"

#include <stdlib.h>

#include "common/base/clean.h"
#include "common/base/log.h"

#define LOAD_WAIT_MS   15000
#define REPORT_WAIT_MS 5000

/* ---- reports ---- */

static void
reported(void *self, enum err r, struct msg *answer, const struct why *why)
{
	(void)self;
	(void)answer;
	if (r != OK) /* link is gone, and the next one is told */
		log_warning("config.untold", "error=%s why=%s", err_name(r), log_quote(span_of_text(why->text)));
}

void
config_report(struct supervisor *s)
{
	const struct config *config = &s->config;
	struct msg m = {.id = CONFIG_APPLIED,
	    .config_applied = {.sandbox = s->boot.sandbox,
		.epoch = s->boot.epoch,
		.instance = s->identity.instance,
		.policy_version = config->report_version,
		.config_revision = config->report_revision,
		.loaded = config->loaded,
		.message = config->loaded ? SPAN_NONE : span_of_text(config->words.text)}};

	if (config->told && s->link.peer != NULL)
		peer_call(s->link.peer, &m, REPORT_WAIT_MS, reported, s);
}

static void
not_loaded(struct supervisor *s, bool retain, const struct why *why)
{
	struct config *config = &s->config;

	config->words = *why;
	if (!retain) {
		config->closed = config->closed_since = true;
		config->in_force = false;
	}
	linkage_say(s, "ERROR", "policy %u is not in force, %s: %s", config->report_version,
	    config->closed ? "nothing is allowed until one is loaded" : "the last good one stays", why->text);
}

static void
applied(struct supervisor *s, const struct given *given, bool loaded, const struct why *why)
{
	struct config *config = &s->config;
	auto_arena struct arena arena = {0};
	struct msg m;

	given_read(given, &arena, &m);
	config->told = true;
	config->loaded = loaded;
	config->report_version = m.config_push.policy_version;
	config->report_revision = m.config_push.config_revision;
	if (loaded)
		linkage_say(s, "INFO", "policy %u is in force", config->report_version);
	else
		not_loaded(s, m.config_push.retain, why);
	config->owed = !loaded && !m.config_push.retain && s->way.open;
	if (!config->owed)
		config_report(s);
}

/* ---- loading ---- */

static void load(struct supervisor *s, const struct given *given);

static void
say_warnings(struct supervisor *s, const struct msg_policy_loaded *loaded)
{
	for (size_t i = 0; i < loaded->warnings_n; i++)
		linkage_say(s, "WARN", "policy: %.*s", SPAN_ARGS(loaded->warnings[i]));
}

/* The first one is reported by sandbox_ready, or ends the start. */
static void
tried(struct supervisor *s, enum err r, const struct why *why)
{
	struct config *config = &s->config;
	bool first = config->good.bytes == NULL;

	if (first && r != OK) {
		given_free(&config->trying);
		finish_failed(s, "PolicyInvalid", why);
		return;
	}
	if (!first)
		applied(s, &config->trying, r == OK, why);
	if (r == OK) {
		given_move(&config->good, &config->trying);
		config->closed = config->closed_since;
		config->in_force = !config->closed;
	}
	given_free(&config->trying);
	if (first)
		begin_continue(s);
}

static void
load_done(void *self, enum err r, struct msg *answer, const struct why *why)
{
	struct supervisor *s = self;
	struct config *config = &s->config;

	config->asking = false;
	if (r == ERR_UNAVAILABLE || s->bus.state == STATE_OVER)
		return; /* the next policyd is asked */
	if (r == OK) {
		config->in_force = true;
		say_warnings(s, &answer->policy_loaded);
	}
	if (config->trying.bytes != NULL)
		tried(s, r, why);
	else if (r != OK) {
		log_failure(
		    "policyd.reload", r, why); /* what was good is not: another policyd may think better of it */
		kept_renew(&s->way.policyd);
	}
	config_load(s);
}

static void
load(struct supervisor *s, const struct given *given)
{
	auto_arena struct arena arena = {0};
	struct msg read, m = {.id = POLICY_LOAD};

	given_read(given, &arena, &read);
	m.policy_load = (struct msg_policy_load){.policy = read.config_push.policy,
	    .version = read.config_push.policy_version,
	    .settings = read.config_push.settings,
	    .settings_n = read.config_push.settings_n};
	s->config.asking = true;
	peer_call(s->way.policyd.peer, &m, LOAD_WAIT_MS, load_done, s);
}

static void
closed(void *self, enum err r, struct msg *answer, const struct why *why)
{
	struct supervisor *s = self;

	(void)answer;
	s->config.asking = false;
	if (r == ERR_UNAVAILABLE || s->bus.state == STATE_OVER)
		return; /* the next policyd is asked */
	if (r != OK) {
		log_failure("policyd.close", r, why);
		kept_renew(&s->way.policyd);
		return;
	}
	s->config.in_force = s->config.closed;
	if (s->config.owed)
		config_report(s);
	s->config.owed = false;
	begin_continue(s);
	config_load(s);
}

/* Nothing is allowed until a policy is loaded. */
static void
close_all(struct supervisor *s)
{
	struct msg m = {.id = POLICY_CLOSE,
	    .policy_close = {.version = s->config.report_version, .reason = span_of_text(s->config.words.text)}};

	s->config.asking = true;
	peer_call(s->way.policyd.peer, &m, LOAD_WAIT_MS, closed, s);
}

void
config_load(struct supervisor *s)
{
	struct config *config = &s->config;

	if (config->asking || !s->way.policyd.told)
		return;
	if (config->next.bytes != NULL)
		given_move(&config->trying, &config->next);
	if (config->trying.bytes != NULL) {
		config->closed_since = false;
		load(s, &config->trying);
	} else if (!config->in_force && config->closed)
		close_all(s);
	else if (!config->in_force && config->good.bytes != NULL)
		load(s, &config->good);
}

void
config_unloaded(struct supervisor *s)
{
	s->config.in_force = false;
}

/* ---- what comes ---- */

static bool
listed(const struct policy_files *files, const struct policy_path *path)
{
	for (size_t i = 0; i < files->paths_n; i++)
		if (files->paths[i].write == path->write && span_equal(files->paths[i].path, path->path))
			return true;
	return false;
}

/* Walls cannot be built anew around a running agent. Further paths wait for the next start. */
static enum err
check_static(const struct policy_files *old, const struct policy_files *new, struct why *why)
{
	if (old->uid != new->uid || old->gid != new->gid || old->hard_requirement != new->hard_requirement ||
	    old->include_workdir != new->include_workdir)
		return fail(
		    why, ERR_INVALID, "process, landlock and include_workdir cannot change while the sandbox runs");
	for (size_t i = 0; i < old->paths_n; i++)
		if (!old->paths[i].baseline && !listed(new, &old->paths[i]))
			return fail(why, ERR_INVALID,
			    "filesystem path %.*s cannot be taken away while the sandbox runs",
			    SPAN_ARGS(old->paths[i].path));
	return OK;
}

static void
say_later(struct supervisor *s, const struct policy_files *new)
{
	for (size_t i = 0; i < new->paths_n; i++)
		if (!new->paths[i].baseline && !listed(&s->files, &new->paths[i])) {
			linkage_say(s, "WARN", "filesystem path %.*s is shared from the sandbox's next start on",
			    SPAN_ARGS(new->paths[i].path));
			return; /* one speaks for all */
		}
}

static enum err
check(struct supervisor *s, const struct msg_config_push *push, struct arena *arena, struct why *why)
{
	struct policy_files files;
	enum err r;

	if ((r = policy_files_read(push->policy, arena, &files, why)) != OK ||
	    (r = check_static(&s->files, &files, why)) != OK)
		return r;
	if (files.network && s->way.tried && !s->way.open)
		return fail(why, ERR_STATE,
		    "it has network rules, which cannot be enforced here: this sandbox has no fence "
		    "(nftables) or no proxy");
	say_later(s, &files);
	return OK;
}

/* Without a way out there are no network rules either, and nobody is asked. */
static void
try_given(struct supervisor *s, struct given *given, enum err r, const struct why *why)
{
	struct config *config = &s->config;

	if (r == OK && (s->way.open || !s->way.tried))
		given_move(&config->next, given);
	else
		applied(s, given, r == OK, why);
	if (r == OK && given->bytes != NULL) {
		given_move(&config->good, given);
		config->closed = false;
	}
	given_free(given);
	config_load(s);
}

void
config_closed(struct supervisor *s)
{
	auto_arena struct arena arena = {0};
	struct given given = {0};
	struct why wrong = {0};
	struct msg m;

	if (s->config.next.bytes == NULL)
		return;
	given_move(&given, &s->config.next);
	given_read(&given, &arena, &m);
	if (m.config_push.config_revision == s->enrolled.config_revision)
		given_move(&s->config.good, &given);
	else
		try_given(s, &given, check(s, &m.config_push, &arena, &wrong), &wrong);
}

/*
 * The configuration changed.
 *
 * in      config_push, from link
 * out     done, where it was asked; config_applied follows
 */
enum err
config_pushed(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	struct supervisor *s = self;
	struct given given = {0};
	struct why wrong = {0};
	enum err r;

	if (s->bus.state == STATE_OVER)
		return OK;
	if (!s->configured)
		return fail(why, ERR_STATE, "it has not been given its first configuration");
	if ((r = given_keep(&given, m, why)) != OK)
		return r;
	s->config.revision = m->config_push.config_revision;
	try_given(s, &given, check(s, &m->config_push, m->arena, &wrong), &wrong);
	if (m->call != 0)
		answer->id = DONE;
	return OK;
}

enum err
config_first(struct supervisor *s, struct why *why)
{
	const struct msg_enrolled *in = &s->enrolled;
	struct msg push = {.id = CONFIG_PUSH,
	    .config_push = {.sandbox = s->boot.sandbox,
		.epoch = s->boot.epoch,
		.policy = in->policy,
		.policy_version = in->policy_version,
		.settings = in->settings,
		.settings_n = in->settings_n,
		.config_revision = in->config_revision,
		.retain = in->retain}};

	s->config.revision = in->config_revision;
	return given_keep(&s->config.next, &push, why);
}
