/* Logs: lines of sandboxes, added in batches, kept up to a number of rows and days; what was lost is said. */
#include "common/base/clean.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "services/state/state.h"

#define LINES_MAX     101 /* a full batch and the word about what was dropped */
#define LOGS_BYTES_MAX 1500000u
#define DAY_MS	      86400000ull

/* A batch of one sandbox. */
struct batch {
	struct state *state;
	struct id sandbox;
	const struct msg_log_line *lines;
	size_t n;
	uint32_t dropped;
	int stored; /* out */
};

/* The columns of all lines as one array each; fields of all lines in one, cut apart by from and to (from 1). */
static enum err
lines_args(const struct batch *batch, struct args *args)
{
	struct span text[4][LINES_MAX], *fields;
	uint64_t time_ms[LINES_MAX], from[LINES_MAX], to[LINES_MAX];
	size_t fields_n = 0;

	for (size_t i = 0; i < batch->n; i++)
		fields_n += batch->lines[i].fields_n;
	if ((fields = arena_array(args->arena, fields_n + 1, sizeof(*fields))) == NULL)
		return ERR_LIMIT;
	fields_n = 0;
	for (size_t i = 0; i < batch->n; i++) {
		const struct msg_log_line *line = &batch->lines[i];

		time_ms[i] = line->time_ms;
		text[0][i] = line->source;
		text[1][i] = line->level;
		text[2][i] = line->target;
		text[3][i] = line->message;
		from[i] = fields_n + 1;
		for (size_t j = 0; j < line->fields_n; j++)
			fields[fields_n++] = line->fields[j];
		to[i] = fields_n;
	}
	args_numbers(args, time_ms, batch->n);
	for (size_t i = 0; i < COUNT(text); i++)
		args_texts(args, text[i], batch->n);
	args_texts(args, fields, fields_n);
	args_numbers(args, from, batch->n);
	args_numbers(args, to, batch->n);
	return OK;
}

static enum err
lines_add(struct batch *batch, struct why *why)
{
	auto_arena struct arena arena = {.max_bytes = 8u << 20};
	struct args args = {.arena = &arena};
	auto_rows rows = {0};
	enum err r;

	if (batch->n == 0)
		return OK;
	args_id(&args, batch->sandbox);
	args_number(&args, (uint64_t)clock_wall_ms());
	if ((r = lines_args(batch, &args)) != OK)
		return fail(why, r, "the lines are too long");
	if ((r = db_run(&batch->state->db, SQL_LOGS_ADD, &args, &rows, why)) != OK)
		return r;
	batch->stored = rows.touched;
	return OK;
}

static enum err
lines_trim(const struct batch *batch, struct why *why)
{
	struct args args = {0};

	args_id(&args, batch->sandbox);
	args_number(&args, batch->state->config.log_rows_max);
	return db_run(&batch->state->db, SQL_LOGS_TRIM, &args, NULL, why);
}

static enum err
drops_count(const struct batch *batch, struct why *why)
{
	struct args args = {0};

	args_id(&args, batch->sandbox);
	args_number(&args, batch->dropped);
	return batch->dropped == 0 ? OK : db_run(&batch->state->db, SQL_LOGS_DROPPED, &args, NULL, why);
}

static enum err
store(void *arg, struct why *why)
{
	struct batch *batch = arg;
	enum err r;

	if ((r = lines_add(batch, why)) != OK)
		return r;
	if (batch->stored == 0)
		return fail(why, ERR_NOT_FOUND, "sandbox not found");
	if ((r = drops_count(batch, why)) != OK || (r = lines_trim(batch, why)) != OK)
		return r;
	return db_run(&batch->state->db, SQL_LOGS_SAY, NULL, NULL, why);
}

/*
 * Lines of one sandbox. Whose they are is not believed: from relay they are the sandbox's, from a driver the gateway's.
 *
 * in      logs_add, from relay or a driver
 * out     done
 * errors  ERR_NOT_FOUND; ERR_UNAVAILABLE the database is away: send them again, or count them as dropped
 */
enum err
logs_add(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	const struct msg_logs_add *in = &m->logs_add;
	struct batch batch = {.state = self, .sandbox = in->sandbox, .dropped = in->dropped};
	struct msg_log_line *lines = arena_array(m->arena, LINES_MAX, sizeof(*lines));
	enum err r;

	answer->id = DONE;
	if ((r = state_serving(self, why)) != OK)
		return r;
	if (lines == NULL)
		return fail(why, ERR_LIMIT, "the lines are too long");
	if (in->dropped > 0)
		lines[batch.n++] = (struct msg_log_line){
			.time_ms = in->lines_n > 0 ? in->lines[0].time_ms : (uint64_t)clock_wall_ms(),
			.source = SPAN("gateway"),
			.level = SPAN("WARN"),
			.target = SPAN("state"),
			.message = span_of_text(arena_format(m->arena, "%u log lines before this were dropped", in->dropped)),
		};
	for (size_t i = 0; i < in->lines_n; i++) {
		lines[batch.n] = in->lines[i];
		lines[batch.n++].source = m->from->role == ROLE_DRIVER ? SPAN("gateway") : SPAN("sandbox");
	}
	batch.lines = lines;
	return batch.n == 0 ? OK : db_transaction(&batch.state->db, LAZY, store, &batch, why);
}

enum err
log_say(struct state *state, struct id sandbox, const char *level, const char *message, struct why *why)
{
	struct msg_log_line line = {
		.time_ms = (uint64_t)clock_wall_ms(),
		.source = SPAN("gateway"),
		.level = span_of_text(level),
		.target = SPAN("state"),
		.message = span_of_text(message),
	};
	struct batch batch = {.state = state, .sandbox = sandbox, .lines = &line, .n = 1};
	enum err r = lines_add(&batch, why);

	return r != OK ? r : db_run(&state->db, SQL_LOGS_SAY, NULL, NULL, why);
}

/* time, source, level, target, message, fields, from the given column on. */
enum err
log_line_read(const struct rows *rows, int row, int column, struct arena *arena, struct msg_log_line *out)
{
	*out = (struct msg_log_line){.time_ms = rows_number(rows, row, column)};
	if (arena_span(arena, rows_span(rows, row, column + 1), &out->source) != OK ||
	    arena_span(arena, rows_span(rows, row, column + 2), &out->level) != OK ||
	    arena_span(arena, rows_span(rows, row, column + 3), &out->target) != OK ||
	    arena_span(arena, rows_span(rows, row, column + 4), &out->message) != OK ||
	    (out->fields = rows_texts(rows, row, column + 5, arena, &out->fields_n)) == NULL)
		return ERR_LIMIT;
	return OK;
}

static bool
line_passes(const struct msg_logs_get *in, const struct rows *rows, int row)
{
	bool source = in->sources_n == 0;

	for (size_t i = 0; i < in->sources_n; i++)
		source |= span_equal(in->sources[i], rows_span(rows, row, 1)) ||
		    (in->sources[i].length == 0 && span_is(rows_span(rows, row, 1), "gateway"));
	return source && rows_number(rows, row, 0) >= in->since_ms &&
	    (in->level.length == 0 || log_rank(rows_span(rows, row, 2)) <= log_rank(in->level));
}

size_t
log_line_bytes(const struct rows *rows, int row, int column)
{
	size_t bytes = 64;

	for (int i = 1; i < 6; i++)
		bytes += rows_span(rows, row, column + i).length;
	return bytes;
}

/* Newest first as they come, the newest that fit; turned round so that the oldest is first. */
static enum err
lines_pick(const struct msg_logs_get *in, const struct rows *rows, struct arena *arena, struct msg_logs *out)
{
	size_t bytes = 0;

	if ((out->lines = arena_array(arena, (size_t)rows->n + 1, sizeof(*out->lines))) == NULL)
		return ERR_LIMIT;
	for (int i = 0; i < rows->n && (bytes += log_line_bytes(rows, i, 0)) < LOGS_BYTES_MAX; i++)
		if (line_passes(in, rows, i) &&
		    log_line_read(rows, i, 0, arena, &out->lines[out->lines_n++]) != OK)
			return ERR_LIMIT;
	for (size_t i = 0; i < out->lines_n / 2; i++) {
		struct msg_log_line line = out->lines[i];

		out->lines[i] = out->lines[out->lines_n - 1 - i];
		out->lines[out->lines_n - 1 - i] = line;
	}
	return OK;
}

/*
 * The newest stored lines that pass the filters; the number counts before the filters.
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
	enum err r;

	args_id(&args, in->sandbox);
	if ((r = state_serving(state, why)) != OK || (r = db_run(&state->db, SQL_DESIRED, &args, &box, why)) != OK)
		return r;
	if (box.n == 0)
		return fail(why, ERR_NOT_FOUND, "sandbox not found");
	args_number(&args, in->lines < state->config.log_rows_max ? in->lines : state->config.log_rows_max);
	if ((r = db_run(&state->db, SQL_LOGS_GET, &args, &rows, why)) != OK)
		return r;
	answer->id = LOGS;
	answer->logs.total = (uint32_t)rows.n;
	if (lines_pick(in, &rows, m->arena, &answer->logs) != OK)
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
