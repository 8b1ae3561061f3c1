/* Attaching and detaching: the sandbox is locked, the row written, and what it comes to must be able to stand. */
#include "common/base/log.h"
#include "common/base/text.h"
#include "common/provider/type.h"
#include "services/state/planning.h"
#include "services/state/providers.h"

/* One change of what is attached to a sandbox. */
struct attaching {
	struct state *state;
	const struct msg_provider_attach *in;
	struct msg_provider_attached *out;
	struct arena *arena;
	struct id sandbox;
	const char *object;
};

static enum err
run_id(struct state *state, enum sql sql, struct id id, struct rows *out, struct why *why)
{
	struct args args = {0};

	args_id(&args, id);
	return db_run(&state->db, sql, &args, out, why);
}

static enum err
changed(struct state *state, enum sql sql, struct id id, bool minted, struct why *why)
{
	struct args args = {0};

	args_id(&args, id);
	args_flag(&args, minted);
	return db_run(&state->db, sql, &args, NULL, why);
}

enum err
secrets_changed(struct state *state, struct id sandbox, bool minted, struct why *why)
{
	return changed(state, SQL_SECRETS_CHANGED, sandbox, minted, why);
}

enum err
secrets_changed_of(struct state *state, struct id provider, bool minted, struct why *why)
{
	return changed(state, SQL_SECRETS_CHANGED_OF, provider, minted, why);
}

static enum err
pair_run(struct state *state, enum sql sql, struct id sandbox, struct id provider, bool *touched, struct why *why)
{
	struct args args = {0};
	auto_rows rows = {0};
	enum err r;

	args_id(&args, sandbox);
	args_id(&args, provider);
	r = db_run(&state->db, sql, &args, &rows, why);
	*touched = rows.touched > 0;
	return r;
}

static enum err
counted(struct state *state, struct id sandbox, struct why *why)
{
	auto_rows rows = {0};
	enum err r = run_id(state, SQL_ATTACHED_COUNT, sandbox, &rows, why);

	if (r == OK && rows_number(&rows, 0, 0) > PROVIDER_ATTACHED_MAX)
		return fail(why, ERR_STATE, "a sandbox has at most %d providers", PROVIDER_ATTACHED_MAX);
	return r;
}

/* A provider that does not exist is no reason to say that the sandbox does not. */
static enum err
wanted(struct state *state, struct span workspace, struct span name, struct id *out, struct why *why)
{
	enum err r = provider_hold(state, workspace, name, out, why);

	return r == ERR_NOT_FOUND ? fail(why, ERR_STATE, "provider '" SPAN_FORMAT "' not found", SPAN_ARGS(name)) : r;
}

/* What is withheld is said in the sandbox's log too: that is where its user looks. */
static enum err
withheld_said(struct state *state, struct id sandbox, const struct span *warnings, size_t n, struct why *why)
{
	enum err r = OK;

	for (size_t i = 0; i < n && r == OK; i++) {
		char words[640];
		struct text text = TEXT_OF(words);

		text_add_span(&text, warnings[i]);
		r = log_say(state, sandbox, "WARN", words, why);
	}
	return r;
}

static enum err
attach(struct attaching *it, bool *touched, struct why *why)
{
	struct msg_provider_attached *out = it->out;
	struct planned planned;
	struct id provider;
	enum err r;

	if ((r = wanted(it->state, it->in->workspace, it->in->provider, &provider, why)) != OK ||
	    (r = run_id(it->state, SQL_SECRETS_BEGIN, it->sandbox, NULL, why)) != OK ||
	    (r = pair_run(it->state, SQL_ATTACH, it->sandbox, provider, touched, why)) != OK ||
	    (r = counted(it->state, it->sandbox, why)) != OK ||
	    (r = plan_check(it->state, it->sandbox, it->arena, &planned, why)) != OK ||
	    (r = plan_warnings(&planned, it->arena, &out->warnings, &out->warnings_n, why)) != OK)
		return r;
	return *touched ? withheld_said(it->state, it->sandbox, out->warnings, out->warnings_n, why) : OK;
}

/* A provider that is there and not attached, or not there: both are not attached. */
static enum err
detach(struct attaching *it, bool *touched, struct why *why)
{
	struct id provider;
	enum err r;

	*touched = false;
	if ((r = provider_hold(it->state, it->in->workspace, it->in->provider, &provider, why)) != OK)
		return r == ERR_NOT_FOUND ? OK : r;
	return pair_run(it->state, SQL_DETACH, it->sandbox, provider, touched, why);
}

static enum err
attach_work(void *arg, struct why *why)
{
	struct attaching *it = arg;
	struct locked_box box;
	enum err r;

	if ((r = box_lock(it->state, it->in->workspace, it->in->sandbox, it->in->expected, &box, why)) != OK)
		return r;
	it->sandbox = box.id;
	r = it->in->detach ? detach(it, &it->out->changed, why) : attach(it, &it->out->changed, why);
	if (r != OK || !it->out->changed)
		return r;
	if ((r = secrets_changed(it->state, box.id, false, why)) != OK ||
	    (r = run_id(it->state, SQL_BOX_TOUCH, box.id, NULL, why)) != OK)
		return r;
	return audit_add(
	    it->state, it->in->subject, it->in->detach ? "provider.detach" : "provider.attach", it->object, "OK", why);
}

/*
 * Attach a provider to a sandbox, or detach it; what runs there is given the change at once.
 *
 * in      provider_attach, from api
 * out     provider_attached
 * errors  ERR_NOT_FOUND no such sandbox; ERR_CONFLICT another resource_version; ERR_STATE no such provider, too many,
 * or it does not go with the others or with the policy: why
 */
enum err
provider_attach(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	const struct msg_provider_attach *in = &m->provider_attach;
	struct msg_provider_attached *out = &answer->provider_attached;
	struct state *state = self;
	struct attaching it = {.state = state, .in = in, .out = out, .arena = m->arena};
	enum err r;

	if ((r = state_serving(state, why)) != OK)
		return r;
	answer->id = PROVIDER_ATTACHED;
	it.object = arena_format(m->arena, SPAN_FORMAT "/" SPAN_FORMAT " " SPAN_FORMAT, SPAN_ARGS(in->workspace),
	    SPAN_ARGS(in->sandbox), SPAN_ARGS(span_head(in->provider, 200)));
	r = db_transaction(&state->db, DURABLE, attach_work, &it, why);
	if (r != OK && r != ERR_UNAVAILABLE && r != ERR_CONFLICT)
		audit_refusal(state, in->subject, in->detach ? "provider.detach" : "provider.attach", it.object, r);
	if (r != OK)
		return r;
	log_info("provider.attach", "of=%s changed=%d detach=%d", log_quote(span_of_text(it.object)), out->changed,
	    in->detach);
	if ((out->sandbox = arena_array(m->arena, 1, sizeof(*out->sandbox))) == NULL)
		return fail(why, ERR_LIMIT, "the answer needs too much memory");
	out->sandbox_n = 1;
	return sandbox_load(state, it.sandbox, m->arena, out->sandbox, why);
}

enum err
attach_all(
    struct state *state, struct id sandbox, struct span workspace, const struct span *names, size_t n, struct why *why)
{
	auto_arena struct arena arena = {0};
	struct planned planned;
	struct span *warnings;
	size_t warnings_n;
	bool touched;
	enum err r;

	if (n == 0)
		return OK;
	r = run_id(state, SQL_SECRETS_BEGIN, sandbox, NULL, why);
	for (size_t i = 0; i < n && r == OK; i++) {
		struct id provider;

		if ((r = wanted(state, workspace, names[i], &provider, why)) == OK)
			r = pair_run(state, SQL_ATTACH, sandbox, provider, &touched, why);
	}
	if (r != OK || (r = plan_check(state, sandbox, &arena, &planned, why)) != OK ||
	    (r = plan_warnings(&planned, &arena, &warnings, &warnings_n, why)) != OK)
		return r;
	return withheld_said(state, sandbox, warnings, warnings_n, why);
}
