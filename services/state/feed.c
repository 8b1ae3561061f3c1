/* The feed: LISTEN on a connection of its own, and the change log behind it. The one path to watches, drivers, relays. */
#include "common/base/log.h"
#include "common/base/text.h"
#include "services/state/secrets.h"
#include "services/state/migrate.h"
#include "services/state/state.h"

#define CHANGES_MAX 1000 /* of one look, as SQL_CHANGES says */

static enum err
pass_on(struct state *state, const struct rows *rows, struct why *why)
{
	enum err r = OK;

	for (int i = 0; i < rows->n && r == OK; i++) {
		struct id sandbox = rows_id(rows, i, 1);

		if (rows_flag(rows, i, 4))
			push_config(state, sandbox);
		if (rows_flag(rows, i, 5))
			deliver_secrets(state, sandbox);
		if (rows_flag(rows, i, 2))
			r = driver_tell(state, sandbox, why);
		if (id_none(sandbox))
			continue;
		service_routes_stale(state, sandbox);
		if (!rows_flag(rows, i, 6)) /* more than its services changed */
			watches_tell_row(state, sandbox);
	}
	return r;
}

/* The changes behind the last one that was seen. A gap (they were pruned before we read them): all is read again. */
static enum err
pull(struct state *state, bool *more, struct why *why)
{
	struct args args = {0};
	auto_rows rows = {0};
	enum err r;

	*more = false;
	args_number(&args, state->seen);
	if ((r = db_run(&state->db, SQL_CHANGES, &args, &rows, why)) != OK || rows.n == 0)
		return r;
	if (rows_number(&rows, 0, 3) > state->seen)
		return feed_begin(state, why);
	state->seen = rows_number(&rows, rows.n - 1, 0);
	*more = true;
	return pass_on(state, &rows, why);
}

static void
noticed(void *self, const char *words)
{
	struct state *state = self;
	struct span rest = span_of_text(words), kind = span_cut(&rest, ' ');
	struct why why = {0};
	struct id sandbox = {{0}};
	uint64_t teller;
	bool more = true;
	enum err r = OK;

	if (!state->serving)
		return;
	if (span_is(kind, "logs")) {
		if (rest.length == 0 || id_parse(rest, &sandbox, NULL) == OK)
			watches_tell_logs(state, sandbox);
		return;
	}
	if (span_is(kind, "refreshes")) {
		if (number_parse(rest, 1, INT32_MAX, &teller, &why) == OK &&
		    (int)teller != PQbackendPID(state->db.conn))
			refresh_kick(state);
		return;
	}
	while (r == OK && more)
		r = pull(state, &more, &why);
	if (r == OK)
		return;
	log_warning("feed.pull", "error=%s why=%s", err_name(r), log_quote(span_of_text(why.text)));
	if (state->db.up) /* what was not passed on will not come again by itself: begin anew */
		db_drop(&state->db, why.text);
}

/* LISTEN first, then the list: so nothing falls between them. */
enum err
feed_begin(struct state *state, struct why *why)
{
	auto_rows rows = {0};
	enum err r;

	if ((r = db_run(&state->db, SQL_CHANGES_LAST, NULL, &rows, why)) != OK)
		return r;
	state->seen = rows_number(&rows, 0, 0);
	state->serving = true;
	if ((r = drivers_load(state, why)) == OK && (r = sessions_sync(state, why)) == OK) {
		watches_tell_rows(state);
		service_routes_stale(state, (struct id){{0}});
		watches_restart_logs(state, why);
		push_config(state, (struct id){{0}});
		deliver_secrets(state, (struct id){{0}});
	} else
		state->serving = false;
	return r;
}

/* One that was killed a moment ago may have it for another. */
static enum err
name_take(struct state *state, struct why *why)
{
	struct args args = {0};
	auto_rows rows = {0};
	enum err r;

	args_text(&args, span_of_text(state->config.service.process));
	if ((r = db_run(&state->feed, SQL_NAME_TAKE, &args, &rows, why)) != OK)
		return r;
	if (!(state->name_taken = !rows_flag(&rows, 0, 0)))
		return OK;
	return fail(why, ERR_UNAVAILABLE,
	    "another gateway that runs with this database calls its state \"%s\" as well: give each a node of its own in its configuration",
	    state->config.service.process);
}

static enum err
begin(struct state *state, struct why *why)
{
	enum err r;

	if ((r = migrate(&state->db, why)) != OK || (r = name_take(state, why)) != OK ||
	    (r = db_script(&state->feed, "listen openshell", DB_ANSWER_MS, NULL, why)) != OK)
		return r;
	return feed_begin(state, why);
}

/* One of the two connections is there; with both, service begins. */
static void
came(void *self, struct db *db)
{
	struct state *state = self;
	struct why why = {0};
	enum err r;

	(void)db;
	if (!state->db.up || !state->feed.up || state->serving)
		return;
	if ((r = begin(state, &why)) == OK) {
		db_settled(&state->db);
		db_settled(&state->feed);
		state_began(state);
		return;
	}
	log_failure("database.begin", r, &why);
	if (r == ERR_STATE) {
		state_refused(state, &why);
		return;
	}
	if (state->db.up)
		db_drop(&state->db, why.text);
}

static void
went(void *self, struct db *db)
{
	struct state *state = self;

	(void)db;
	state->serving = false;
}

void
feed_open(struct state *state)
{
	state->db.came = state->feed.came = came;
	state->db.went = state->feed.went = went;
	state->db.self = state->feed.self = state;
	state->feed.noticed = noticed;
	db_open(&state->db, state->loop, "requests", state->conninfo.keys, state->conninfo.values);
	db_open(&state->feed, state->loop, "feed", state->conninfo.keys, state->conninfo.values);
}
