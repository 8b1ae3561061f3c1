/* Profiles that users brought: stored, listed, removed; api has checked them, and knows the built-in ones. */
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/text.h"
#include "services/state/planning.h"
#include "services/state/providers.h"

/* A change of profiles of one tier. */
struct profiling {
	struct state *state;
	struct span workspace, subject;
	const struct msg_profile_store *store;	 /* or */
	const struct msg_profile_delete *remove; /* one of them */
	struct arena *arena;
	bool removed;
};

static const char *
object_of(const struct profiling *it, struct span id)
{
	return arena_format(it->arena, "profile " SPAN_FORMAT "/" SPAN_FORMAT, SPAN_ARGS(it->workspace), SPAN_ARGS(id));
}

static enum err
not_there(struct span id, struct why *why)
{
	return fail(why, ERR_NOT_FOUND, "provider profile '" SPAN_FORMAT "' not found", SPAN_ARGS(id));
}

/* Whoever has a provider of this type attached must go with it, and is given what follows from it. */
static enum err
tell_users(const struct profiling *it, struct span id, struct why *why)
{
	struct args args = {0};
	enum err r;

	args_text(&args, id);
	args_text(&args, it->workspace);
	if ((r = plans_check(it->state, SQL_PROFILE_BOXES, &args, why)) != OK)
		return r;
	return db_run(&it->state->db, SQL_SECRETS_CHANGED_BY, &args, NULL, why);
}

static enum err
add(const struct profiling *it, const struct msg_profile_new *profile, struct why *why)
{
	struct args args = {0};
	auto_rows rows = {0};
	enum err r;

	args_text(&args, profile->profile_id);
	args_text(&args, it->workspace);
	args_bytes(&args, profile->profile);
	args_number(&args, (uint64_t)clock_wall_ms());
	if ((r = db_run(&it->state->db, SQL_PROFILE_ADD, &args, &rows, why)) != OK)
		return r;
	if (rows.touched == 0)
		return fail(why, ERR_EXISTS, "provider profile '" SPAN_FORMAT "' already exists",
		    SPAN_ARGS(profile->profile_id));
	return OK;
}

static enum err
replace(const struct profiling *it, const struct msg_profile_new *profile, struct why *why)
{
	struct args args = {0};
	auto_rows rows = {0};
	enum err r;

	args_text(&args, profile->profile_id);
	args_text(&args, it->workspace);
	if ((r = db_run(&it->state->db, SQL_PROFILE_LOCK, &args, &rows, why)) != OK)
		return r;
	if (rows.n == 0)
		return not_there(profile->profile_id, why);
	if (rows_number(&rows, 0, 0) != it->store->expected)
		return fail(why, ERR_CONFLICT,
		    "provider profile '" SPAN_FORMAT "' has changed: current resource_version: %lu",
		    SPAN_ARGS(profile->profile_id), (unsigned long)rows_number(&rows, 0, 0));
	args_bytes(&args, profile->profile);
	return db_run(&it->state->db, SQL_PROFILE_WRITE, &args, NULL, why);
}

static enum err
store_all(void *arg, struct why *why)
{
	struct profiling *it = arg;
	enum err r = OK;

	for (size_t i = 0; i < it->store->profiles_n && r == OK; i++) {
		const struct msg_profile_new *profile = &it->store->profiles[i];

		r = it->store->expected == 0 ? add(it, profile, why) : replace(it, profile, why);
		if (r == OK && (r = tell_users(it, profile->profile_id, why)) == OK)
			r = audit_add(it->state, it->subject,
			    it->store->expected == 0 ? "profile.import" : "profile.update",
			    object_of(it, profile->profile_id), "OK", why);
	}
	return r;
}

static enum err
listed(struct state *state, struct span workspace, struct span id, bool own, uint64_t limit, uint64_t offset,
    struct arena *arena, struct msg_profile_listed *out, struct why *why)
{
	struct args args = {0};
	auto_rows rows = {0};
	enum err r;

	args_text(&args, workspace);
	args_text(&args, id);
	args_flag(&args, own);
	args_number(&args, limit);
	args_number(&args, offset);
	args_number(&args, PROVIDER_LISTED_BYTES_MAX);
	if ((r = db_run(&state->db, SQL_PROFILES, &args, &rows, why)) != OK)
		return r;
	if ((out->profiles = arena_array(arena, (size_t)rows.n + 1, sizeof(*out->profiles))) == NULL)
		return fail(why, ERR_LIMIT, "the page is too long");
	for (int i = 0; i < rows.n; i++) {
		struct msg_profile_row *row = &out->profiles[out->profiles_n++];

		*row = (struct msg_profile_row){
		    .created_ms = rows_number(&rows, i, 2), .resource_version = rows_number(&rows, i, 3)};
		if (arena_span(arena, rows_span(&rows, i, 0), &row->profile_id) != OK ||
		    arena_span(arena, rows_span(&rows, i, 1), &row->workspace) != OK ||
		    arena_span(arena, rows_span(&rows, i, 4), &row->profile) != OK)
			return fail(why, ERR_LIMIT, "the page is too long");
	}
	out->more = rows.n > 0 && rows_number(&rows, 0, 5) > (uint64_t)rows.n;
	return OK;
}

/*
 * A page of stored profiles.
 *
 * in      profile_list, from api
 * out     profile_listed
 */
enum err
profile_list(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	const struct msg_profile_list *in = &m->profile_list;
	enum err r;

	if ((r = state_serving(self, why)) != OK)
		return r;
	answer->id = PROFILE_LISTED;
	return listed(self, in->workspace, in->profile_id, in->own, in->limit, in->offset, m->arena,
	    &answer->profile_listed, why);
}

/* The rows as they are now, in the order of the request. */
static enum err
stored_answer(const struct profiling *it, struct msg_profile_listed *out, struct why *why)
{
	size_t n = it->store->profiles_n;
	enum err r = OK;

	if ((out->profiles = arena_array(it->arena, n + 1, sizeof(*out->profiles))) == NULL)
		return fail(why, ERR_LIMIT, "the answer needs too much memory");
	for (size_t i = 0; i < n && r == OK; i++) {
		struct msg_profile_listed one = {0};

		if ((r = listed(it->state, it->workspace, it->store->profiles[i].profile_id, true, 1, 0, it->arena,
			 &one, why)) == OK &&
		    one.profiles_n == 1)
			out->profiles[out->profiles_n++] = one.profiles[0];
	}
	return r;
}

/*
 * Store profiles: all of them or none.
 *
 * in      profile_store, from api, which has checked them
 * out     profile_listed: what is stored now
 * errors  ERR_EXISTS, ERR_CONFLICT, ERR_NOT_FOUND: which; ERR_STATE a sandbox that it does not go with
 */
enum err
profile_store(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	struct state *state = self;
	const struct msg_profile_store *in = &m->profile_store;
	struct profiling it = {
	    .state = state, .workspace = in->workspace, .subject = in->subject, .store = in, .arena = m->arena};
	enum err r;

	if ((r = state_serving(state, why)) != OK)
		return r;
	r = db_transaction(&state->db, DURABLE, store_all, &it, why);
	if (r != OK && r != ERR_UNAVAILABLE && r != ERR_CONFLICT)
		audit_refusal(state, in->subject, in->expected == 0 ? "profile.import" : "profile.update",
		    object_of(&it, in->profiles_n == 0 ? SPAN_NONE : in->profiles[0].profile_id), r);
	if (r != OK)
		return r;
	answer->id = PROFILE_LISTED;
	return stored_answer(&it, &answer->profile_listed, why);
}

static enum err
not_used(const struct profiling *it, struct why *why)
{
	struct args args = {0};
	auto_rows rows = {0};
	char names[256];
	struct text text = TEXT_OF(names);
	enum err r;

	args_text(&args, it->remove->profile_id);
	args_text(&args, it->workspace);
	if ((r = db_run(&it->state->db, SQL_PROFILE_USERS, &args, &rows, why)) != OK || rows.n == 0)
		return r;
	for (int i = 0; i < rows.n; i++)
		text_add(&text, "%s" SPAN_FORMAT, i == 0 ? "" : ", ", SPAN_ARGS(rows_span(&rows, i, 0)));
	return fail(why, ERR_STATE, "provider profile '" SPAN_FORMAT "' is used by attached provider %s%s",
	    SPAN_ARGS(it->remove->profile_id), names, rows.n == 10 ? " and maybe others" : "");
}

static enum err
remove_one(void *arg, struct why *why)
{
	struct profiling *it = arg;
	struct args args = {0};
	auto_rows rows = {0};
	enum err r;

	it->removed = false;
	args_text(&args, it->remove->profile_id);
	args_text(&args, it->workspace);
	if ((r = db_run(&it->state->db, SQL_PROFILE_LOCK, &args, &rows, why)) != OK || rows.n == 0 ||
	    (r = not_used(it, why)) != OK || (r = db_run(&it->state->db, SQL_PROFILE_REMOVE, &args, NULL, why)) != OK)
		return r;
	it->removed = true;
	return audit_add(it->state, it->subject, "profile.delete", object_of(it, it->remove->profile_id), "OK", why);
}

/*
 * Remove a profile that no attached provider uses.
 *
 * in      profile_delete, from api
 * out     profile_deleted
 * errors  ERR_STATE it is used: by which providers
 */
enum err
profile_delete(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	const struct msg_profile_delete *in = &m->profile_delete;
	struct state *state = self;
	struct profiling it = {
	    .state = state, .workspace = in->workspace, .subject = in->subject, .remove = in, .arena = m->arena};
	enum err r;

	if ((r = state_serving(state, why)) != OK)
		return r;
	r = db_transaction(&state->db, DURABLE, remove_one, &it, why);
	if (r != OK && r != ERR_UNAVAILABLE)
		audit_refusal(state, in->subject, "profile.delete", object_of(&it, in->profile_id), r);
	answer->id = PROFILE_DELETED;
	answer->profile_deleted.deleted = it.removed;
	return r;
}
