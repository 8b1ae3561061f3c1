/* What became of a revision: loaded, or refused. News that is old changes nothing newer. */
#include <stdio.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "services/state/configure.h"

/* A revision and its sandbox, locked. */
struct applied {
	struct state *state;
	const struct msg_config_applied *in;
	uint64_t epoch, in_force, newest_loaded;
	struct id instance;
	struct span status, hash; /* borrowed from the rows */
};

static enum err
revision_lock(
    struct state *state, struct id sandbox, uint32_t version, struct rows *rows, struct applied *out, struct why *why)
{
	auto_rows box = {0};
	struct args args = {0};
	enum err r;

	args_id(&args, sandbox);
	if ((r = db_run(&state->db, SQL_APPLIED_LOCK, &args, &box, why)) != OK || box.n == 0)
		return r;
	args_number(&args, version);
	if ((r = db_run(&state->db, SQL_APPLIED, &args, rows, why)) != OK || rows->n == 0)
		return r;
	out->epoch = rows_number(&box, 0, 0);
	out->instance = rows_id(&box, 0, 1);
	out->in_force = rows_number(&box, 0, 2);
	out->status = rows_span(rows, 0, 0);
	out->hash = rows_span(rows, 0, 1);
	out->newest_loaded = rows_number(rows, 0, 2);
	return OK;
}

/* One statement about a sandbox and a version. */
static enum err
run(struct state *state, enum sql sql, struct id sandbox, uint32_t version, struct why *why)
{
	struct args args = {0};

	args_id(&args, sandbox);
	args_number(&args, version);
	if (sql == SQL_POLICY_LOADED)
		args_number(&args, (uint64_t)clock_wall_ms());
	return db_run(&state->db, sql, &args, NULL, why);
}

static enum err
loaded(
    struct state *state, const struct applied *it, struct id sandbox, uint32_t version, bool started, struct why *why)
{
	char words[96];
	enum err r;

	if (it->newest_loaded > version || (it->in_force == version && span_is(it->status, "loaded")))
		return OK;
	snprintf(words, sizeof(words), "Policy %s successfully: revision %u is in force",
	    started ? "loaded" : "reloaded", version);
	if ((r = run(state, SQL_POLICY_LOADED, sandbox, version, why)) != OK ||
	    (r = run(state, SQL_POLICIES_OVER, sandbox, version, why)) != OK ||
	    (r = run(state, SQL_BOX_POLICY, sandbox, version, why)) != OK)
		return r;
	log_info("policy.loaded", "sandbox=%s policy=%u", id_text(sandbox), version);
	return log_say(state, sandbox, "INFO", words, why);
}

enum err
policy_in_force(struct state *state, struct id sandbox, uint32_t version, bool started, struct why *why)
{
	struct applied it = {0};
	auto_rows gateway = {0}, rows = {0};
	enum err r;

	if ((r = revision_lock(state, sandbox, version, &rows, &it, why)) != OK || rows.n == 0 ||
	    (started && !span_is(it.status, "pending")) ||
	    (r = db_run(&state->db, SQL_GATEWAY_POLICY, NULL, &gateway, why)) != OK)
		return r;
	if (rows_number(&gateway, 0, 0) != 0)
		return OK; /* the number is one of the gateway's own policy */
	return loaded(state, &it, sandbox, version, started, why);
}

static enum err
refused(const struct applied *it, const char *whose, struct why *why)
{
	const struct msg_config_applied *in = it->in;
	auto_arena struct arena arena = {0};
	bool retain = it->state->config.policy_validation_failure_mode == RETAIN_LAST_VALID;
	const char *words =
	    arena_format(&arena, "%s revision %u was refused, %s: " SPAN_FORMAT, whose, in->policy_version,
		retain ? "the last good one stays" : "nothing is allowed until one is loaded", SPAN_ARGS(in->message));
	struct args args = {0};
	enum err r;

	log_warning("policy.refused", "sandbox=%s policy=%u why=%s", id_text(in->sandbox), in->policy_version,
	    log_quote(in->message));
	if ((r = log_say(it->state, in->sandbox, "WARN", words, why)) != OK || !span_is(it->status, "pending"))
		return r;
	args_id(&args, in->sandbox);
	args_number(&args, in->policy_version);
	args_text(&args, in->message);
	if ((r = db_run(&it->state->db, SQL_POLICY_FAILED, &args, NULL, why)) != OK)
		return r;
	args = (struct args){0};
	args_id(&args, in->sandbox);
	return db_run(&it->state->db, SQL_BOX_TOUCH, &args, NULL, why);
}

/* Is it about this revision of the sandbox's own policy? The gateway's has numbers of its own, which may be the same. */
static enum err
is_own(const struct applied *it, bool *out, struct why *why)
{
	auto_arena struct arena arena = {0};
	struct effective settings;
	enum err r;

	if ((r = settings_effective(it->state, it->in->sandbox, &arena, &settings, why)) != OK)
		return r;
	*out = it->in->config_revision ==
	       config_revision(revision_flags(it->state, false), it->in->policy_version, it->hash, &settings);
	return OK;
}

static enum err
note(void *arg, struct why *why)
{
	struct applied *it = arg;
	const struct msg_config_applied *in = it->in;
	auto_rows rows = {0};
	bool own = false;
	enum err r;

	if ((r = revision_lock(it->state, in->sandbox, in->policy_version, &rows, it, why)) != OK)
		return r;
	if (rows.n == 1 &&
	    (it->epoch != in->epoch || (!id_none(it->instance) && !id_equal(it->instance, in->instance))))
		return OK; /* another start than the one that counts */
	if (rows.n == 1 && (r = is_own(it, &own, why)) != OK)
		return r;
	if (own && in->loaded)
		return loaded(it->state, it, in->sandbox, in->policy_version, false, why);
	if (own && span_is(it->status, "failed"))
		return OK; /* told before */
	if (!own)
		it->status = SPAN_NONE;
	return in->loaded ? OK : refused(it, own ? "Policy" : "Configuration with policy", why);
}

/*
 * A sandbox decides by a configuration now, or says why it does not.
 *
 * in      config_applied, from relay
 * out     done: it need not be said again
 * errors  ERR_UNAVAILABLE the database is away: say it again
 */
enum err
config_applied(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	struct state *state = self;
	struct applied it = {.state = state, .in = &m->config_applied};
	enum err r;

	answer->id = DONE;
	if ((r = state_serving(state, why)) != OK)
		return r;
	r = db_transaction(&state->db, DURABLE, note, &it, why);
	return r == ERR_NOT_FOUND ? OK : r;
}
