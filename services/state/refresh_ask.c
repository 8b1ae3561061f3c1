/* Refresh that clients ask for: once at once, or no more. */
#include <stdlib.h>

#include "common/provider/profile.h"
#include "services/state/refreshes.h"

struct rotation {
	struct refresh_wait wait; /* first */
	struct state *state;
	struct reply reply;
	struct kept kept;
	struct id provider;
};

static void
rotated(struct refresh_wait *wait, enum err r, const struct why *because_of)
{
	struct rotation *it = (struct rotation *)wait;
	const struct msg_refresh_rotate *in = &it->kept.m.refresh_rotate;
	struct msg answer = {.id = REFRESH_STATES};
	struct why why = {0};

	if (because_of != NULL)
		why = *because_of;
	if (r == OK)
		r = refresh_states(it->state, it->provider, in->key, &it->kept.arena, &answer.refresh_states, &why);
	if (r == OK)
		reply_send(&it->reply, &answer);
	else
		reply_fail(&it->reply, r, &why);
	audit_refusal(it->state, in->subject, "refresh.rotate",
	    refresh_object(&it->kept.arena, in->workspace, in->provider, in->key), r);
	kept_free(&it->kept);
	free(it);
}

static enum err
rotatable(
    struct state *state, const struct msg_refresh_rotate *in, struct arena *arena, struct id *provider, struct why *why)
{
	struct msg_refresh_states states = {0};
	enum err r;

	if ((r = state_serving(state, why)) != OK ||
	    (r = provider_hold(state, in->workspace, in->provider, provider, why)) != OK ||
	    (r = refresh_states(state, *provider, in->key, arena, &states, why)) != OK)
		return r;
	if (states.states_n == 0)
		return refresh_missing(in->key, why);
	if (!provider_strategy_mints(states.states[0].strategy))
		return fail(
		    why, ERR_STATE, "credential '" SPAN_FORMAT "' is not renewed by the gateway", SPAN_ARGS(in->key));
	return OK;
}

/*
 * Renew a credential now.
 *
 * in      refresh_rotate, from api
 * out     refresh_states, when it is done
 * errors  ERR_NOT_FOUND; ERR_STATE the gateway does not renew it; ERR_BUSY somebody else is at it; else why it failed
 */
enum err
refresh_rotate(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	struct state *state = self;
	struct rotation *it;
	struct id provider;
	enum err r;

	(void)answer;
	if ((r = rotatable(state, &m->refresh_rotate, m->arena, &provider, why)) != OK)
		return r;
	if ((it = calloc(1, sizeof(*it))) == NULL)
		abort();
	*it = (struct rotation){.wait.done = rotated, .state = state, .provider = provider};
	if ((r = kept_take(&it->kept, m, why)) != OK) {
		free(it);
		return r;
	}
	it->reply = reply_later(m);
	if ((r = refresh_now(state, provider, it->kept.m.refresh_rotate.key, &it->wait, why)) != OK)
		rotated(&it->wait, r, why);
	return OK; /* it may be gone */
}

struct ending {
	struct state *state;
	const struct msg_refresh_delete *in;
	struct arena *arena;
	bool deleted;
};

static enum err
expiry_end(struct ending *it, struct id provider, const struct rows *row, struct why *why)
{
	struct args args = {.arena = it->arena};
	size_t n;
	struct span *keys = rows_texts(row, 0, 0, it->arena, &n);

	if (keys == NULL)
		return fail(why, ERR_LIMIT, "the request needs too much memory");
	args_id(&args, provider);
	args_texts(&args, keys, n);
	args_number(&args, rows_number(row, 0, 1));
	return db_run(&it->state->db, SQL_REFRESH_EXPIRY_END, &args, NULL, why);
}

static enum err
end_work(void *arg, struct why *why)
{
	struct ending *it = arg;
	struct args args = {0};
	auto_rows rows = {0};
	struct id provider;
	enum err r;

	it->deleted = false;
	if ((r = provider_hold(it->state, it->in->workspace, it->in->provider, &provider, why)) != OK)
		return r;
	args_id(&args, provider);
	args_text(&args, it->in->key);
	if ((r = db_run(&it->state->db, SQL_REFRESH_REMOVE, &args, &rows, why)) != OK || rows.n == 0)
		return r;
	it->deleted = true;
	if ((r = secret_remove(it->state, provider, it->in->key, SPAN_NONE, why)) != OK ||
	    (r = expiry_end(it, provider, &rows, why)) != OK ||
	    (r = secrets_changed_of(it->state, provider, false, why)) != OK)
		return r;
	return audit_add(it->state, it->in->subject, "refresh.delete",
	    refresh_object(it->arena, it->in->workspace, it->in->provider, it->in->key), "OK", why);
}

/*
 * Renew a credential no more: its material goes; the value that it has now stays.
 *
 * in      refresh_delete, from api
 * out     refresh_deleted
 * errors  ERR_NOT_FOUND no such provider
 */
enum err
refresh_delete(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	struct state *state = self;
	struct ending it = {state, &m->refresh_delete, m->arena, false};
	enum err r;

	if ((r = state_serving(state, why)) != OK ||
	    (r = db_transaction(&state->db, DURABLE, end_work, &it, why)) != OK)
		return r;
	answer->id = REFRESH_DELETED;
	answer->refresh_deleted.deleted = it.deleted;
	drops_kick(state);
	return OK;
}
