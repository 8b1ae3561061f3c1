/* Watches: who follows which sandbox; each change is sent as the row is now, each log line once. */
#include <stdlib.h>

#include "common/base/clean.h"
#include "common/base/log.h"
#include "services/state/state.h"

#define WATCHES_MAX	10000
#define LINES_MAX	100	 /* of one watch_log */
#define LINES_BYTES_MAX 1500000u /* the same; of stored lines each fits alone */
#define AGAIN_MS	50	 /* a watcher's queue was full, or the database late */

/* One watch of one api process. */
struct following {
	struct list link;
	struct peer *api;
	uint64_t number;
	struct id sandbox;
	bool rows, logs;
	bool behind;	    /* there may be lines that it has not been told */
	bool owed;	    /* a row that could not be read, or that its queue had no room for */
	uint64_t last_line; /* id of the last log line sent, and the greatest place of them */
	uint64_t last_place;
	uint64_t seen; /* how many lines the sandbox had with the last one sent; 0: not known */
};

static void again(void *self);

static void
following_free(struct following *watch)
{
	list_remove(&watch->link);
	peer_unref(watch->api);
	free(watch);
}

static struct following *
following_find(struct state *state, const struct peer *api, uint64_t number)
{
	struct following *watch;

	list_each(watch, &state->watches, struct following, link)
		if (watch->api == api && watch->number == number)
			return watch;
	return NULL;
}

static void
try_again(struct state *state)
{
	loop_timer_set(state->loop, &state->again, AGAIN_MS, again, state);
}

static void
owe(struct state *state, struct following *watch)
{
	watch->owed = true;
	try_again(state);
}

/* row NULL: it is gone, and so the watch is over. */
static void
tell_row(struct state *state, struct following *watch, struct msg_sandbox_row *row)
{
	struct msg m = {
	    .id = WATCH_ROW, .watch_row = {.watch = watch->number, .row = row, .row_n = row == NULL ? 0 : 1}};
	struct why why = {0};
	enum err r = OK;

	if (watch->rows || row == NULL)
		r = peer_tell(watch->api, &m, &why);
	watch->owed = false;
	if (r == ERR_LIMIT)
		owe(state, watch);
	else if (r != OK)
		log_warning("watch.row", "watch=%lu why=%s", (unsigned long)watch->number, why.text);
	if (row == NULL && !watch->owed)
		following_free(watch);
}

static void
rows_to(struct state *state, struct id sandbox, const struct following *only)
{
	auto_arena struct arena arena = {0};
	struct msg_sandbox_row row;
	struct following *watch;
	struct why why = {0};
	enum err r = sandbox_load(state, sandbox, &arena, &row, &why);

	if (r != OK && r != ERR_NOT_FOUND)
		log_debug("watch.row", "sandbox=%s why=%s", id_text(sandbox), why.text);
	list_each(watch, &state->watches, struct following, link) {
		if (!id_equal(watch->sandbox, sandbox) || (only != NULL && watch != only))
			continue;
		if (r == OK || r == ERR_NOT_FOUND)
			tell_row(state, watch, r == OK ? &row : NULL);
		else
			owe(state, watch);
	}
}

void
watches_tell_row(struct state *state, struct id sandbox)
{
	struct following *watch;
	bool any = false;

	list_each(watch, &state->watches, struct following, link)
		any |= id_equal(watch->sandbox, sandbox);
	if (any)
		rows_to(state, sandbox, NULL);
}

void
watches_tell_rows(struct state *state)
{
	struct following *watch;

	list_each(watch, &state->watches, struct following, link)
		rows_to(state, watch->sandbox, watch);
}

/* Stored for the second time: the database died and forgot it, the sandbox sent it again. */
static bool
told_before(const struct rows *rows, int row, uint64_t *place)
{
	uint64_t this_one = rows_number(rows, row, 7);

	if (this_one != 0 && this_one <= *place)
		return true;
	*place = this_one != 0 ? this_one : *place;
	return false;
}

/* Lines that were removed before this watch was told them. */
static bool
missed_say(struct following *watch, const struct rows *rows, struct arena *arena, struct msg_log_line *out)
{
	uint64_t dropped = rows_number(rows, 0, 8), missed = dropped - watch->seen;

	if (watch->seen == 0 || dropped <= watch->seen)
		return false;
	*out = (struct msg_log_line){.time_ms = rows_number(rows, 0, 1),
	    .number = watch->last_line,
	    .count = dropped,
	    .source = SPAN("gateway"),
	    .level = SPAN("INFO"),
	    .target = SPAN("state"),
	    .message = span_of_text(arena_format(arena, LOGS_MISSING, (unsigned long long)missed))};
	return out->message.at != NULL;
}

/* As many lines behind the last one sent as fit a message; ERR_LIMIT: the queue is full. */
static enum err
tell_lines(struct state *state, struct following *watch, bool *more, struct why *why)
{
	auto_arena struct arena arena = {0};
	struct msg_log_line lines[LINES_MAX];
	struct msg m = {.id = WATCH_LOG, .watch_log = {.watch = watch->number, .lines = lines}};
	struct args args = {0};
	auto_rows rows = {0};
	uint64_t last = watch->last_line, place = watch->last_place, seen = watch->seen;
	size_t bytes = 0, told = 0;
	int row = 0;
	enum err r;

	*more = false;
	args_id(&args, watch->sandbox);
	args_number(&args, watch->last_line);
	if ((r = db_run(&state->db, SQL_LOGS_AFTER, &args, &rows, why)) != OK || rows.n == 0)
		return r;
	if (missed_say(watch, &rows, &arena, &lines[0]))
		seen = lines[told++].count;
	for (; row < rows.n && told < LINES_MAX && r == OK; row++) {
		if ((bytes += log_line_bytes(&rows, row)) > LINES_BYTES_MAX && row > 0)
			break;
		last = rows_number(&rows, row, 0);
		seen += seen != 0;
		if (told_before(&rows, row, &place))
			continue;
		r = log_line_read(&rows, row, &arena, &lines[told]);
		lines[told++].count = seen;
	}
	m.watch_log.lines_n = told;
	if (r == OK && told > 0)
		r = peer_tell(watch->api, &m, why);
	if (r != OK)
		return r;
	watch->last_line = last;
	watch->last_place = place;
	watch->seen = seen;
	*more = rows.n == LINES_MAX || row < rows.n;
	return OK;
}

static void
tell_logs(struct state *state, struct following *watch)
{
	struct why why = {0};
	bool more = true;
	enum err r = OK;

	watch->behind = false;
	while (r == OK && more)
		r = tell_lines(state, watch, &more, &why);
	watch->behind = r == ERR_LIMIT || r == ERR_UNAVAILABLE;
	if (watch->behind)
		try_again(state);
	if (r != OK)
		log_debug("watch.logs", "watch=%lu why=%s", (unsigned long)watch->number, why.text);
}

void
watches_tell_logs(struct state *state, struct id sandbox)
{
	struct following *watch;

	list_each(watch, &state->watches, struct following, link)
		if (watch->logs && (id_none(sandbox) || id_equal(watch->sandbox, sandbox)))
			tell_logs(state, watch);
}

void
watches_restart_logs(struct state *state, struct why *why)
{
	struct following *watch;
	auto_rows rows = {0};

	if (list_empty(&state->watches) || db_run(&state->db, SQL_LOGS_LAST, NULL, &rows, why) != OK)
		return;
	list_each(watch, &state->watches, struct following, link)
		if (watch->last_line > rows_number(&rows, 0, 0)) {
			watch->last_line = rows_number(&rows, 0, 0);
			watch->seen = 0; /* it was counted with lines that are no more */
		}
	watches_tell_logs(state, (struct id){{0}});
}

static void
again(void *self)
{
	struct state *state = self;
	struct following *watch;

	if (!state->serving)
		return;
	list_each(watch, &state->watches, struct following, link) {
		if (watch->behind)
			tell_logs(state, watch);
		if (watch->owed)
			rows_to(state, watch->sandbox, watch);
	}
}

void
watches_down(struct state *state, struct peer *api)
{
	struct following *watch;

	list_each(watch, &state->watches, struct following, link)
		if (watch->api == api)
			following_free(watch);
}

void
watches_done(struct state *state)
{
	struct following *watch;

	list_each(watch, &state->watches, struct following, link)
		following_free(watch);
}

/*
 * Follow one sandbox. Of the lines that are there already those behind the given number are sent: logs_get has the others.
 *
 * in      watch_open, from api
 * out     sandbox_row; then watch_row and watch_log until watch_close, or a watch_row without a row
 * errors  ERR_NOT_FOUND; ERR_EXISTS the number is in use; ERR_LIMIT too many watches
 */
enum err
watch_open(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	const struct msg_watch_open *in = &m->watch_open;
	struct state *state = self;
	struct following *watch;
	size_t n = 0;
	enum err r;

	list_each(watch, &state->watches, struct following, link)
		n++;
	if (n >= WATCHES_MAX)
		return fail(why, ERR_LIMIT, "%zu watches are open", n);
	if (following_find(state, m->from, in->watch) != NULL)
		return fail(why, ERR_EXISTS, "watch %lu is open", (unsigned long)in->watch);
	answer->id = SANDBOX_ROW;
	if ((r = state_serving(state, why)) != OK ||
	    (r = sandbox_load(state, in->sandbox, m->arena, &answer->sandbox_row, why)) != OK)
		return r;
	if ((watch = calloc(1, sizeof(*watch))) == NULL)
		abort();
	*watch = (struct following){.api = peer_ref(m->from),
	    .number = in->watch,
	    .sandbox = in->sandbox,
	    .rows = in->rows,
	    .logs = in->logs,
	    .behind = in->logs,
	    .last_line = in->after,
	    .seen = in->seen};
	list_append(&state->watches, &watch->link);
	if (in->logs) /* when the answer is out */
		loop_timer_set(state->loop, &state->again, 0, again, state);
	return OK;
}

/*
 * Stop following; a watch that is over already is no error.
 *
 * in      watch_close, from api
 * out     done
 */
enum err
watch_close(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	struct following *watch = following_find(self, m->from, m->watch_close.watch);

	(void)why;
	if (watch != NULL)
		following_free(watch);
	answer->id = DONE;
	return OK;
}
