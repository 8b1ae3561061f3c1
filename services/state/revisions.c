/* Policy revisions: written one at a time for a sandbox, or as the gateway's own policy for all. */
#include "common/base/clock.h"
#include "common/base/log.h"
#include "services/state/planning.h"
#include "services/state/providers.h"

/* A policy that is to be put in force. */
struct writing {
	struct state *state;
	const struct msg_policy_set *in;
	struct msg_config_changed *out;
	struct arena *arena; /* of the message */
	uint8_t hash[32];
	uint64_t now_ms;
};

/* ---- what all writes have in common ---- */

enum err
box_lock(struct state *state, struct span workspace, struct span name, uint64_t expected, struct locked_box *out,
    struct why *why)
{
	struct args args = {0};
	auto_rows rows = {0};
	enum err r;

	args_text(&args, workspace);
	args_text(&args, name);
	if ((r = db_run(&state->db, SQL_CONFIG_LOCK, &args, &rows, why)) != OK)
		return r;
	if (rows.n == 0)
		return fail(why, ERR_NOT_FOUND, "sandbox not found");
	*out = (struct locked_box){.id = rows_id(&rows, 0, 0),
	    .resource_version = rows_number(&rows, 0, 1),
	    .settings_revision = rows_number(&rows, 0, 3)};
	if (expected != 0 && expected != out->resource_version)
		return fail(why, ERR_CONFLICT, "sandbox '" SPAN_FORMAT "' has changed: current resource_version: %lu",
		    SPAN_ARGS(name), (unsigned long)out->resource_version);
	if (rows_number(&rows, 0, 2) == 3)
		return fail(why, ERR_STATE, "sandbox '" SPAN_FORMAT "' is being deleted", SPAN_ARGS(name));
	return OK;
}

enum err
config_changed(struct state *state, struct id sandbox, struct why *why)
{
	return db_run_of(&state->db, SQL_CONFIG_CHANGED, sandbox, why);
}

/* One statement about a version. */
static enum err
run_version(struct state *state, enum sql sql, uint32_t version, struct why *why)
{
	struct args args = {0};

	args_number(&args, version);
	return db_run(&state->db, sql, &args, NULL, why);
}

static enum err
answer_fill(struct writing *w, uint32_t version, struct why *why)
{
	w->out->version = version;
	if (arena_span(w->arena, span_of_bytes(w->hash, sizeof(w->hash)), &w->out->hash) != OK)
		return fail(why, ERR_LIMIT, "the request needs too much memory");
	return OK;
}

/* ---- a sandbox's ---- */

/* Its revision that is in force, and the last number given; read once it is locked. */
static enum err
own_read(struct state *state, struct locked_box *box, struct why *why)
{
	struct args args = {0};
	auto_rows rows = {0};
	enum err r;

	args_id(&args, box->id);
	if ((r = db_run(&state->db, SQL_OWN_POLICY, &args, &rows, why)) != OK)
		return r;
	if (rows.n != 1)
		return fail(why, ERR_INTERNAL, "sandbox %s has no policy", id_text(box->id));
	box->version = (uint32_t)rows_number(&rows, 0, 0);
	memcpy(box->hash, rows_span(&rows, 0, 1).at, sizeof(box->hash));
	box->newest = (uint32_t)rows_number(&rows, 0, 2);
	return OK;
}

static enum err
own_insert(struct writing *w, struct id sandbox, uint32_t version, struct why *why)
{
	struct args args = {.arena = w->arena};

	args_id(&args, sandbox);
	args_number(&args, version);
	args_bytes(&args, w->in->policy);
	args_bytes(&args, span_of_bytes(w->hash, sizeof(w->hash)));
	args_number(&args, w->now_ms);
	args_texts(&args, w->in->annotations, w->in->annotations_n);
	return db_run(&w->state->db, SQL_POLICY_ADD, &args, NULL, why);
}

static enum err
own_prune(struct writing *w, struct id sandbox, uint32_t version, struct why *why)
{
	struct args args = {0};

	args_id(&args, sandbox);
	args_number(&args, version);
	return db_run(&w->state->db, SQL_POLICY_PRUNE, &args, NULL, why);
}

/* May this sandbox's policy be written now, by one who knew that revision? */
static enum err
own_allowed(struct writing *w, const struct locked_box *box, struct why *why)
{
	auto_rows gateway = {0};
	enum err r;

	if ((r = db_run(&w->state->db, SQL_GATEWAY_SHARE, NULL, &gateway, why)) != OK)
		return r;
	if (rows_number(&gateway, 0, 0) != 0)
		return fail(why, ERR_STATE,
		    "policy is managed globally: delete the global policy before one sandbox's is "
		    "changed");
	if (w->in->base != 0 && w->in->base != box->version)
		return fail(
		    why, ERR_CONFLICT, "policy revision %u is in force by now, not %u", box->version, w->in->base);
	return OK;
}

static enum err
own_said(struct writing *w, const struct locked_box *box, uint32_t version, struct why *why)
{
	const struct msg_policy_set *in = w->in;
	struct state *state = w->state;
	enum err r;

	log_info("policy.set", "sandbox=%s policy=%u merged=%d", id_text(box->id), version, in->merged);
	if ((r = log_say(state, box->id, "INFO", arena_format(w->arena, "policy revision %u is to be loaded", version),
		 why)) != OK)
		return r;
	return audit_add(state, in->subject, in->merged ? "policy.merge" : "policy.set",
	    arena_format(w->arena, SPAN_FORMAT "/" SPAN_FORMAT " revision %u", SPAN_ARGS(in->workspace),
		SPAN_ARGS(in->name), version),
	    "OK", why);
}

/* What is attached must go with it; where credentials may go can follow from it. */
static enum err
own_providers(struct writing *w, struct id sandbox, struct why *why)
{
	auto_arena struct arena arena = {0};
	struct planned planned;
	enum err r;

	if ((r = plan_read(w->state, sandbox, &arena, &planned, why)) != OK || planned.question.attached_count == 0 ||
	    (r = provider_policy_check(&planned.question, &planned.plan, why)) != OK)
		return r;
	return secrets_changed(w->state, sandbox, true, why);
}

static enum err
own_set(void *arg, struct why *why)
{
	struct writing *w = arg;
	struct state *state = w->state;
	struct locked_box box;
	uint32_t version;
	bool same;
	enum err r;

	if ((r = box_lock(state, w->in->workspace, w->in->name, w->in->expected, &box, why)) != OK ||
	    (r = own_read(state, &box, why)) != OK || (r = own_allowed(w, &box, why)) != OK)
		return r;
	w->out->settings_revision = box.settings_revision;
	/* after one that was refused the same is a new one: the sandbox, which may allow nothing since, is to load it */
	same = memcmp(box.hash, w->hash, sizeof(w->hash)) == 0 && box.version == box.newest;
	version = same ? box.version : box.newest + 1;
	if ((r = answer_fill(w, version, why)) != OK || version == box.version)
		return r;
	if ((r = db_run_of(&state->db, SQL_POLICY_PENDING_OVER, box.id, why)) != OK ||
	    (r = own_insert(w, box.id, version, why)) != OK || (r = own_prune(w, box.id, version, why)) != OK ||
	    (r = own_providers(w, box.id, why)) != OK ||
	    (r = db_run_of(&state->db, SQL_BOX_TOUCH, box.id, why)) != OK ||
	    (r = config_changed(state, box.id, why)) != OK)
		return r;
	return own_said(w, &box, version, why);
}

/* ---- the gateway's own ---- */

static enum err
global_insert(struct writing *w, uint32_t version, struct why *why)
{
	struct args args = {.arena = w->arena};

	args_number(&args, version);
	args_bytes(&args, w->in->policy);
	args_bytes(&args, span_of_bytes(w->hash, sizeof(w->hash)));
	args_number(&args, w->now_ms);
	args_texts(&args, w->in->annotations, w->in->annotations_n);
	return db_run(&w->state->db, SQL_GATEWAY_POLICY_ADD, &args, NULL, why);
}

static enum err
global_set(void *arg, struct why *why)
{
	struct writing *w = arg;
	struct state *state = w->state;
	auto_rows lock = {0}, rows = {0};
	struct args args = {0};
	uint32_t version;
	enum err r;

	if ((r = db_run(&state->db, SQL_GATEWAY_LOCK, NULL, &lock, why)) != OK)
		return r;
	version = (uint32_t)rows_number(&lock, 0, 0);
	args_number(&args, version);
	if ((r = db_run(&state->db, SQL_GATEWAY_NEWEST, &args, &rows, why)) != OK)
		return r;
	w->out->settings_revision = rows_number(&lock, 0, 1);
	if (version != 0 && span_equal(rows_span(&rows, 0, 0), span_of_bytes(w->hash, 32)))
		return answer_fill(w, version, why);
	version = (uint32_t)rows_number(&rows, 0, 1) + 1;
	log_info("policy.set", "global=%u", version);
	if ((r = answer_fill(w, version, why)) != OK ||
	    (r = db_run(&state->db, SQL_GATEWAY_POLICY_OVER, NULL, NULL, why)) != OK ||
	    (r = global_insert(w, version, why)) != OK ||
	    (r = run_version(state, SQL_GATEWAY_POLICY_USE, version, why)) != OK ||
	    (r = run_version(state, SQL_GATEWAY_POLICY_PRUNE, version, why)) != OK ||
	    (r = db_run(&state->db, SQL_SECRETS_CHANGED_ALL, NULL, NULL, why)) != OK ||
	    (r = config_changed(state, (struct id){{0}}, why)) != OK)
		return r;
	return audit_add(
	    state, w->in->subject, "policy.set", arena_format(w->arena, "gateway revision %u", version), "OK", why);
}

/*
 * Put a policy in force. The same policy as the one in force is no new revision.
 *
 * in      policy_set, from api, which has checked it
 * out     config_changed
 * errors  ERR_NOT_FOUND; ERR_STATE the gateway's own policy is in force; ERR_CONFLICT made from another revision, or the
 *         sandbox has another resource_version
 */
enum err
policy_set(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	const struct msg_policy_set *in = &m->policy_set;
	struct state *state = self;
	struct writing w = {.state = state,
	    .in = in,
	    .out = &answer->config_changed,
	    .arena = m->arena,
	    .now_ms = (uint64_t)clock_wall_ms()};
	bool global = in->name.length == 0;
	enum err r;

	if ((r = state_serving(state, why)) != OK)
		return r;
	answer->id = CONFIG_CHANGED;
	policy_hash(in->policy, w.hash);
	r = db_transaction(&state->db, DURABLE, global ? global_set : own_set, &w, why);
	if (r != OK && r != ERR_UNAVAILABLE && r != ERR_CONFLICT)
		audit_refusal(state, in->subject, in->merged ? "policy.merge" : "policy.set",
		    global ? "gateway"
			   : arena_format(
				 m->arena, SPAN_FORMAT "/" SPAN_FORMAT, SPAN_ARGS(in->workspace), SPAN_ARGS(in->name)),
		    r);
	return r;
}

/* The end of the gateway's own policy. */
struct clearing {
	struct state *state;
	struct span subject;
	struct msg_config_changed *out;
};

static enum err
global_clear(void *arg, struct why *why)
{
	struct clearing *c = arg;
	struct state *state = c->state;
	auto_rows rows = {0};
	enum err r;

	if ((r = db_run(&state->db, SQL_GATEWAY_LOCK, NULL, &rows, why)) != OK)
		return r;
	c->out->settings_revision = rows_number(&rows, 0, 1);
	if (rows_number(&rows, 0, 0) == 0)
		return OK;
	c->out->removed = true;
	log_info("policy.clear", "global=%lu", (unsigned long)rows_number(&rows, 0, 0));
	if ((r = run_version(state, SQL_GATEWAY_POLICY_USE, 0, why)) != OK ||
	    (r = db_run(&state->db, SQL_GATEWAY_POLICY_OVER, NULL, NULL, why)) != OK ||
	    (r = db_run(&state->db, SQL_SECRETS_CHANGED_ALL, NULL, NULL, why)) != OK ||
	    (r = config_changed(state, (struct id){{0}}, why)) != OK)
		return r;
	return audit_add(state, c->subject, "policy.delete", "gateway", "OK", why);
}

/*
 * The gateway's own policy ends; each sandbox's is in force again.
 *
 * in      policy_clear, from api
 * out     config_changed, removed where there was one
 */
enum err
policy_clear(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	struct state *state = self;
	struct clearing clearing = {state, m->policy_clear.subject, &answer->config_changed};
	enum err r;

	if ((r = state_serving(state, why)) != OK)
		return r;
	answer->id = CONFIG_CHANGED;
	return db_transaction(&state->db, DURABLE, global_clear, &clearing, why);
}
