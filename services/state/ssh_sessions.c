/* SSH sessions: tokens that open doors into one sandbox, as hashes; made, looked at, revoked, and forgotten. */
#include "common/base/clock.h"
#include "common/base/log.h"
#include "services/state/state.h"

#define SESSIONS_MAX 10000 /* of one sandbox that have not been swept away */

/* The sandbox that a request is about, if it is ready; ended: or would be, had its main process not ended. */
static enum err
box_find(struct state *state, enum sql sql, struct id id, struct span workspace, struct span name, bool ended,
    struct id *out, struct why *why)
{
	struct args args = {0};
	auto_rows rows = {0};
	enum err r;

	args_id(&args, id);
	args_text(&args, workspace);
	args_text(&args, name);
	args_flag(&args, ended);
	if ((r = db_run(&state->db, sql, &args, &rows, why)) != OK)
		return r;
	if (rows.n == 0)
		return fail(why, ERR_NOT_FOUND, "sandbox not found");
	if (!rows_flag(&rows, 0, 1))
		return fail(why, ERR_STATE, "sandbox is not ready");
	*out = rows_id(&rows, 0, 0);
	return OK;
}

/* ---- made ---- */

struct making {
	struct state *state;
	const struct msg_ssh_session_make *in;
	uint64_t expires_ms;
	struct id sandbox;
};

static enum err
room_check(struct state *state, struct id sandbox, struct why *why)
{
	struct args args = {0};
	auto_rows rows = {0};
	enum err r;

	args_id(&args, sandbox);
	if ((r = db_run(&state->db, SQL_SSH_SESSION_COUNT, &args, &rows, why)) != OK)
		return r;
	if (rows_number(&rows, 0, 0) >= SESSIONS_MAX)
		return fail(
		    why, ERR_LIMIT, "the sandbox has %d SSH sessions; they are cleared once an hour", SESSIONS_MAX);
	return OK;
}

static enum err
session_write(void *arg, struct why *why)
{
	struct making *making = arg;
	const struct msg_ssh_session_make *in = making->in;
	uint64_t now_ms = (uint64_t)clock_wall_ms(), ttl_s = making->state->config.ssh_session_ttl_secs;
	struct args args = {0};
	enum err r;

	if ((r = box_find(making->state, SQL_SSH_SESSION_BOX_HOLD, in->sandbox, in->workspace, in->name, true,
		 &making->sandbox, why)) != OK ||
	    (r = room_check(making->state, making->sandbox, why)) != OK)
		return r;
	making->expires_ms = ttl_s == 0 ? 0 : now_ms + ttl_s * 1000;
	args_id(&args, id_new());
	args_bytes(&args, in->hash);
	args_id(&args, making->sandbox);
	args_number(&args, now_ms);
	args_number(&args, making->expires_ms);
	if ((r = db_run(&making->state->db, SQL_SSH_SESSION_ADD, &args, NULL, why)) != OK)
		return r;
	return audit_add(making->state, in->subject, "ssh_session.create", id_text(making->sandbox), "OK", why);
}

/*
 * Keep a token's hash, for as long as ssh_session_ttl_secs says.
 *
 * in      ssh_session_make, from api
 * out     ssh_session_made
 * errors  ERR_NOT_FOUND "sandbox not found"; ERR_STATE "sandbox is not ready"; ERR_LIMIT
 */
enum err
ssh_session_make(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	struct state *state = self;
	struct making making = {.state = state, .in = &m->ssh_session_make};
	enum err r;

	if ((r = state_serving(state, why)) != OK ||
	    (r = db_transaction(&state->db, DURABLE, session_write, &making, why)) != OK)
		return r;
	answer->id = SSH_SESSION_MADE;
	answer->ssh_session_made = (struct msg_ssh_session_made){making.sandbox, making.expires_ms};
	return OK;
}

/* ---- looked at ---- */

/*
 * Does a token open that sandbox?
 *
 * in      ssh_session_check, from api
 * out     ssh_session_good
 * errors  as ssh_session_make; ERR_UNAUTHENTICATED the token is unknown, revoked, expired or another sandbox's
 */
enum err
ssh_session_check(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	const struct msg_ssh_session_check *in = &m->ssh_session_check;
	struct state *state = self;
	struct args args = {0};
	struct id box;
	auto_rows rows = {0};
	enum err r;

	if ((r = state_serving(state, why)) != OK ||
	    (r = box_find(state, SQL_SSH_SESSION_BOX, in->sandbox, in->workspace, in->name, in->ssh, &box, why)) != OK)
		return r;
	args_bytes(&args, in->hash);
	args_id(&args, box);
	args_number(&args, (uint64_t)clock_wall_ms());
	if ((r = db_run(&state->db, SQL_SSH_SESSION, &args, &rows, why)) != OK)
		return r;
	if (rows.n == 0)
		return fail(why, ERR_UNAUTHENTICATED, "the authorization token does not open this sandbox");
	answer->id = SSH_SESSION_GOOD;
	answer->ssh_session_good = (struct msg_ssh_session_good){box, rows_id(&rows, 0, 0)};
	return OK;
}

/* ---- revoked, forgotten ---- */

struct revoking {
	struct state *state;
	const struct msg_ssh_session_revoke *in;
	bool revoked;
};

static enum err
session_revoke(void *arg, struct why *why)
{
	struct revoking *revoking = arg;
	struct args args = {0};
	auto_rows rows = {0};
	enum err r;

	args_bytes(&args, revoking->in->hash);
	if ((r = db_run(&revoking->state->db, SQL_SSH_SESSION_REVOKE, &args, &rows, why)) != OK || rows.n == 0)
		return r;
	revoking->revoked = true;
	return audit_add(
	    revoking->state, revoking->in->subject, "ssh_session.revoke", id_text(rows_id(&rows, 0, 1)), "OK", why);
}

/*
 * Make a token void; what it opened stays open.
 *
 * in      ssh_session_revoke, from api
 * out     ssh_session_revoked: was there such a token
 */
enum err
ssh_session_revoke(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	struct state *state = self;
	struct revoking revoking = {.state = state, .in = &m->ssh_session_revoke};
	enum err r;

	if ((r = state_serving(state, why)) != OK ||
	    (r = db_transaction(&state->db, DURABLE, session_revoke, &revoking, why)) != OK)
		return r;
	answer->id = SSH_SESSION_REVOKED;
	answer->ssh_session_revoked.revoked = revoking.revoked;
	return OK;
}

void
ssh_sessions_sweep(struct state *state)
{
	struct args args = {0};
	auto_rows rows = {0};
	struct why why = {0};
	enum err r = OK;

	if (!state->serving)
		return;
	args_number(&args, (uint64_t)clock_wall_ms());
	do
		r = db_run(&state->db, SQL_SSH_SESSIONS_OLD, &args, &rows, &why);
	while (r == OK && rows.touched > 0);
	if (r != OK)
		log_warning(
		    "sweep.failed", "of=ssh_sessions error=%s why=%s", err_name(r), log_quote(span_of_text(why.text)));
}
