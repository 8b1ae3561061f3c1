/* Logs: stored lines read by their filters, and their retention in days. */
#include <string.h>

#include "common/base/clean.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "services/state/state.h"

#define LOGS_BYTES_MAX 1500000u
#define DAY_MS	       86400000ull

enum err
log_line_read(const struct rows *rows, int row, struct arena *arena, struct msg_log_line *out)
{
	*out = (struct msg_log_line){.number = rows_number(rows, row, 0), .time_ms = rows_number(rows, row, 1)};
	if (arena_span(arena, rows_span(rows, row, 2), &out->source) != OK ||
	    arena_span(arena, rows_span(rows, row, 3), &out->level) != OK ||
	    arena_span(arena, rows_span(rows, row, 4), &out->target) != OK ||
	    arena_span(arena, rows_span(rows, row, 5), &out->message) != OK ||
	    (out->fields = rows_texts(rows, row, 6, arena, &out->fields_n)) == NULL)
		return ERR_LIMIT;
	return OK;
}

static bool
filters_pass(const struct msg_logs_get *in, const struct msg_log_line *line)
{
	bool source = in->sources_n == 0;

	for (size_t i = 0; i < in->sources_n; i++)
		source |= span_equal(in->sources[i], line->source) ||
			  (in->sources[i].length == 0 && span_is(line->source, "gateway"));
	return source && line->time_ms >= in->since_ms &&
	       (in->level.length == 0 || log_rank(line->level) <= log_rank(in->level));
}

/* Of a row no more is looked at than the filters want. */
static bool
line_passes(const struct msg_logs_get *in, const struct rows *rows, int row)
{
	const struct msg_log_line line = {
	    .time_ms = rows_number(rows, row, 1), .source = rows_span(rows, row, 2), .level = rows_span(rows, row, 3)};

	return filters_pass(in, &line);
}

size_t
log_line_bytes(const struct rows *rows, int row)
{
	size_t bytes = 64;

	for (int i = 2; i < 7; i++)
		bytes += rows_span(rows, row, i).length;
	return bytes;
}

static enum err
line_pick(const struct rows *rows, int row, struct arena *arena, struct msg_log_line *out)
{
	enum err r = log_line_read(rows, row, arena, out);

	out->count = rows_number(rows, row, 7);
	return r;
}

/* Newest first as they come, the newest that fit; turned round so that the oldest is first. looked: at so many rows. */
static enum err
lines_pick(
    const struct msg_logs_get *in, const struct rows *rows, struct arena *arena, struct msg_logs *out, int *looked)
{
	size_t bytes = 0;
	int i;

	if ((out->lines = arena_array(arena, (size_t)rows->n + 1, sizeof(*out->lines))) == NULL)
		return ERR_LIMIT;
	for (i = 0; i < rows->n && (bytes += log_line_bytes(rows, i)) < LOGS_BYTES_MAX; i++)
		if (line_passes(in, rows, i) && line_pick(rows, i, arena, &out->lines[out->lines_n++]) != OK)
			return ERR_LIMIT;
	*looked = i;
	for (size_t j = 0; j < out->lines_n / 2; j++) {
		struct msg_log_line line = out->lines[j];

		out->lines[j] = out->lines[out->lines_n - 1 - j];
		out->lines[out->lines_n - 1 - j] = line;
	}
	return OK;
}

static enum err
dropped_ever(struct state *state, struct id sandbox, uint64_t *out, struct why *why)
{
	struct args args = {0};
	auto_rows rows = {0};
	enum err r;

	*out = 0;
	args_id(&args, sandbox);
	if ((r = db_run(&state->db, SQL_LOGS_REMOVED, &args, &rows, why)) == OK && rows.n == 1)
		*out = rows_number(&rows, 0, 0);
	return r;
}

/* How many lines that were asked for have been removed: 0 where the oldest of those that are kept were not all wanted. */
static uint64_t
removed_count(const struct state *state, const struct msg_logs_get *in, const struct rows *kept, uint64_t dropped)
{
	uint32_t n = (uint32_t)kept->n;

	if (n > state->config.log_rows_max || (n == in->lines && n < state->config.log_rows_max) ||
	    (n > 0 && in->since_ms > rows_number(kept, (int)n - 1, 1)))
		return 0;
	return dropped;
}

/* Who goes on behind a line: how many he cannot be told, between it and the oldest of those that were looked at. */
static uint64_t
missing_count(const struct msg_logs_get *in, const struct rows *kept, int looked, uint64_t dropped)
{
	uint64_t before = looked > 0 ? rows_number(kept, looked - 1, 7) - 1 : dropped;

	return in->seen != 0 && before > in->seen ? before - in->seen : 0;
}

/* In front of the others, if it passes the filters: a line of the gateway's. */
static enum err
removed_say(const struct msg_logs_get *in, uint64_t removed, struct arena *arena, struct msg_logs *out)
{
	struct msg_log_line line = {.time_ms = out->lines_n > 0 ? out->lines[0].time_ms : (uint64_t)clock_wall_ms(),
	    .number = in->after,
	    .count = in->seen,
	    .source = SPAN("gateway"),
	    .level = SPAN("INFO"),
	    .target = SPAN("state"),
	    .message = span_of_text(arena_format(arena,
		in->after == 0 ? "%llu older log lines were removed" : LOGS_MISSING, (unsigned long long)removed))};

	if (removed == 0 || !filters_pass(in, &line))
		return OK;
	if (line.message.at == NULL)
		return ERR_LIMIT;
	memmove(out->lines + 1, out->lines, out->lines_n++ * sizeof(*out->lines));
	out->lines[0] = line;
	return OK;
}

/* The answer out of the rows. */
static enum err
logs_answer(const struct state *state, const struct msg_logs_get *in, const struct rows *rows, uint64_t dropped,
    struct arena *arena, struct msg_logs *out)
{
	uint64_t removed;
	int looked = 0;

	out->total = (uint32_t)rows->n;
	out->newest = rows->n == 0 ? in->after : rows_number(rows, 0, 0);
	out->seen = rows->n > 0 ? rows_number(rows, 0, 7) : dropped > in->seen ? dropped : in->seen;
	if (lines_pick(in, rows, arena, out, &looked) != OK)
		return ERR_LIMIT;
	removed = in->after == 0 ? removed_count(state, in, rows, dropped) : missing_count(in, rows, looked, dropped);
	return removed_say(in, removed, arena, out);
}

/*
 * The newest stored lines that pass the filters; the number counts before the filters. Who asks for more than there are is
 * told in a first line how many older ones have been removed, who goes on behind a line how many he has missed.
 *
 * in      logs_get, from api
 * out     logs, cut at the old end where they would be too long for one message
 * errors  ERR_NOT_FOUND
 */
enum err
logs_get(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	const struct msg_logs_get *in = &m->logs_get;
	struct state *state = self;
	struct args args = {0};
	auto_rows box = {0};
	auto_rows rows = {0};
	uint64_t dropped;
	enum err r;

	args_id(&args, in->sandbox);
	if ((r = state_serving(state, why)) != OK || (r = db_run(&state->db, SQL_DESIRED, &args, &box, why)) != OK)
		return r;
	if (box.n == 0)
		return fail(why, ERR_NOT_FOUND, "sandbox not found");
	args_number(&args, in->lines < state->config.log_rows_max ? in->lines : state->config.log_rows_max);
	args_number(&args, in->after);
	if ((r = db_run(&state->db, SQL_LOGS_GET, &args, &rows, why)) != OK ||
	    (r = dropped_ever(state, in->sandbox, &dropped, why)) != OK)
		return r;
	answer->id = LOGS;
	if (logs_answer(state, in, &rows, dropped, m->arena, &answer->logs) != OK)
		return fail(why, ERR_LIMIT, "the lines are too long for an answer");
	return OK;
}

void
logs_sweep(struct state *state)
{
	uint64_t now_ms = (uint64_t)clock_wall_ms(), keep_ms = state->config.log_days * DAY_MS;
	struct args args = {0};
	auto_rows rows = {0};
	struct why why = {0};
	enum err r = OK;

	if (!state->serving)
		return;
	args_number(&args, now_ms > keep_ms ? now_ms - keep_ms : 0);
	do
		r = db_run(&state->db, SQL_LOGS_OLD, &args, &rows, &why);
	while (r == OK && rows.touched > 0);
	if (r == OK)
		r = db_run(&state->db, SQL_CHANGES_PRUNE, NULL, NULL, &why);
	if (r != OK)
		log_warning("sweep.failed", "error=%s why=%s", err_name(r), log_quote(span_of_text(why.text)));
}
