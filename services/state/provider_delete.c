/* Providers deleted, with their secrets, unless somebody has them. */
#include "common/base/text.h"
#include "services/state/inference.h"
#include "services/state/providers.h"

struct removal {
	struct state *state;
	const struct msg_provider_delete *in;
	struct arena *arena;
	bool deleted;
};

static enum err
not_used(struct removal *removal, struct id provider, struct why *why)
{
	struct args args = {0};
	auto_rows rows = {0};
	char names[256];
	struct text text = TEXT_OF(names);
	enum err r;

	args_id(&args, provider);
	if ((r = db_run(&removal->state->db, SQL_PROVIDER_USERS, &args, &rows, why)) != OK)
		return r;
	for (int i = 0; i < rows.n; i++)
		text_add(&text, "%s" SPAN_FORMAT, i == 0 ? "" : ", ", SPAN_ARGS(rows_span(&rows, i, 0)));
	if (rows.n > 0)
		return fail(why, ERR_STATE, "provider '" SPAN_FORMAT "' is attached to sandbox %s%s: detach it first",
		    SPAN_ARGS(removal->in->name), names, rows.n == 10 ? " and maybe others" : "");
	if ((r = inference_unused(removal->state, provider, removal->in->name, why)) != OK)
		return r;
	return db_run(&removal->state->db, SQL_PROVIDER_LEAVE, &args, NULL, why);
}

static enum err
remove_all(void *arg, struct why *why)
{
	struct removal *removal = arg;
	struct db *db = &removal->state->db;
	struct args args = {0};
	auto_rows rows = {0};
	struct id provider;
	enum err r;

	args_text(&args, removal->in->workspace);
	args_text(&args, removal->in->name);
	removal->deleted = false;
	if ((r = db_run(db, SQL_PROVIDER_LOCK_NAMED, &args, &rows, why)) != OK || rows.n == 0)
		return r;
	provider = rows_id(&rows, 0, 0);
	args = (struct args){0};
	args_id(&args, provider);
	if ((r = not_used(removal, provider, why)) != OK ||
	    (r = db_run(db, SQL_SECRETS_FORGET, &args, NULL, why)) != OK ||
	    (r = db_run(db, SQL_PROVIDER_REMOVE, &args, NULL, why)) != OK)
		return r;
	removal->deleted = true;
	return audit_add(removal->state, removal->in->subject, "provider.delete",
	    provider_object(removal->arena, removal->in->workspace, removal->in->name), "OK", why);
}

/*
 * Remove a provider with its secrets and what renews them.
 *
 * in      provider_delete, from api
 * out     provider_deleted: whether it was there
 * errors  ERR_STATE it is attached: to which sandboxes
 */
enum err
provider_delete(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	struct state *state = self;
	struct removal removal = {state, &m->provider_delete, m->arena, false};
	enum err r;

	if ((r = state_serving(state, why)) != OK)
		return r;
	r = db_transaction(&state->db, DURABLE, remove_all, &removal, why);
	if (r != OK && r != ERR_UNAVAILABLE)
		audit_refusal(state, removal.in->subject, "provider.delete",
		    provider_object(m->arena, removal.in->workspace, removal.in->name), r);
	answer->id = PROVIDER_DELETED;
	answer->provider_deleted.deleted = removal.deleted;
	if (removal.deleted)
		drops_kick(state);
	return r;
}
