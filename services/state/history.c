/* The history of a policy: its revisions as they are stored, one with its bytes or a page without. */
#include "services/state/configure.h"

#define POLICIES_BYTES_MAX 1500000u /* of one answer */

static uint8_t
status_number(struct span status)
{
	static const char *const names[] = {"pending", "loaded", "failed", "superseded"};

	for (uint8_t i = 0; i < 4; i++)
		if (span_is(status, names[i]))
			return i + 1;
	return 4;
}

static enum err
revision_read(const struct rows *rows, int row, struct arena *arena, struct msg_policy_revision *out)
{
	*out = (struct msg_policy_revision){
	    .version = (uint32_t)rows_number(rows, row, 0),
	    .status = status_number(rows_span(rows, row, 2)),
	    .created_ms = rows_number(rows, row, 4),
	    .loaded_ms = rows_number(rows, row, 5),
	};
	if (arena_span(arena, rows_span(rows, row, 1), &out->hash) != OK ||
	    arena_span(arena, rows_span(rows, row, 3), &out->error) != OK ||
	    arena_span(arena, rows_span(rows, row, 6), &out->policy) != OK ||
	    (out->annotations = rows_texts(rows, row, 7, arena, &out->annotations_n)) == NULL)
		return ERR_LIMIT;
	return OK;
}

static enum err
revisions_read(const struct rows *rows, struct arena *arena, struct msg_policies *out, struct why *why)
{
	size_t bytes = 0;

	if ((out->revisions = arena_array(arena, (size_t)rows->n + 1, sizeof(*out->revisions))) == NULL)
		return fail(why, ERR_LIMIT, "the answer is too long");
	for (int i = 0; i < rows->n; i++) {
		for (int column = 0; column < 8; column++)
			bytes += rows_span(rows, i, column).length + 8;
		if (bytes > POLICIES_BYTES_MAX)
			return OK; /* a list is cut */
		if (revision_read(rows, i, arena, &out->revisions[out->revisions_n++]) != OK)
			return fail(why, ERR_LIMIT, "the answer is too long");
	}
	return OK;
}

static enum err
active_read(struct state *state, struct id sandbox, struct msg_policies *out, struct why *why)
{
	struct args args = {0};
	auto_rows rows = {0};
	enum err r;

	args_id(&args, sandbox);
	if (id_none(sandbox))
		r = db_run(&state->db, SQL_GATEWAY_POLICY, NULL, &rows, why);
	else
		r = db_run(&state->db, SQL_POLICY_ACTIVE, &args, &rows, why);
	if (r == OK)
		out->active = (uint32_t)rows_number(&rows, 0, 0);
	return r;
}

/*
 * One revision of a policy, or a page of them, newest first.
 *
 * in      policies_get, from api
 * out     policies
 * errors  ERR_NOT_FOUND no such sandbox; one was asked for and is not there
 */
enum err
policies_get(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	const struct msg_policies_get *in = &m->policies_get;
	struct state *state = self;
	struct args args = {0};
	auto_rows rows = {0};
	struct id sandbox;
	enum err r;

	if ((r = state_serving(state, why)) != OK ||
	    (r = sandbox_named(state, (struct id){{0}}, in->workspace, in->name, &sandbox, why)) != OK)
		return r;
	args_id(&args, sandbox);
	args_number(&args, in->one ? in->version : 0);
	args_number(&args, in->one ? 0 : in->offset);
	args_flag(&args, in->one);
	args_number(&args, in->one ? 1 : in->limit);
	if ((r = db_run(&state->db, id_none(sandbox) ? SQL_GATEWAY_POLICIES : SQL_POLICIES, &args, &rows, why)) != OK)
		return r;
	if (in->one && rows.n == 0)
		return in->version != 0 ? fail(why, ERR_NOT_FOUND, "policy revision %u not found", in->version)
					: fail(why, ERR_NOT_FOUND, "there is no global policy");
	answer->id = POLICIES;
	if ((r = active_read(state, sandbox, &answer->policies, why)) != OK)
		return r;
	return revisions_read(&rows, m->arena, &answer->policies, why);
}
