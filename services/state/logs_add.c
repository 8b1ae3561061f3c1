/* Logs: lines of sandboxes, added in batches, each once; kept up to a number of rows; what was lost is said. */
#include <stdio.h>

#include "common/base/clean.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "services/state/state.h"

#define LINES_MAX	 100
#define GENERATION_LINES (1ull << 40) /* that one spool can number */

/* A batch of one sandbox. */
struct batch {
	struct state *state;
	struct id sandbox;
	const struct msg_log_line *lines;
	size_t n;
	uint64_t dropped;
	struct id spool; /* and the rest, of numbered ones; first 0: they are not */
	uint64_t first, since, generation;
	bool ask;      /* no lines: whether those before are kept for good */
	int stored;    /* out */
	uint64_t next; /* out: the number that is wanted */
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
	args_number(args, batch->first == 0 ? 0 : batch->generation * GENERATION_LINES + batch->first);
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

/* Whoever watches is told when the transaction is through. */
static enum err
lines_say(const struct batch *batch, struct why *why)
{
	struct args args = {0};

	args_id(&args, batch->sandbox);
	return db_run(&batch->state->db, SQL_LOGS_SAY, &args, NULL, why);
}

/* What was lost before them is a line of its own. */
static enum err
drops_say(struct batch *batch, struct why *why)
{
	char words[64];
	struct msg_log_line line = {.time_ms = batch->n > 0 ? batch->lines[0].time_ms : (uint64_t)clock_wall_ms(),
	    .source = SPAN("gateway"),
	    .level = SPAN("WARN"),
	    .target = SPAN("state")};
	struct batch said = {.state = batch->state, .sandbox = batch->sandbox, .lines = &line, .n = 1};
	enum err r;

	if (batch->dropped == 0)
		return OK;
	line.message =
	    span_of_bytes(words, (size_t)snprintf(words, sizeof(words), "%llu log lines before this were dropped",
				     (unsigned long long)batch->dropped));
	if ((r = lines_add(&said, why)) != OK)
		return r;
	return said.stored == 0 ? fail(why, ERR_NOT_FOUND, "sandbox not found") : OK;
}

/* ---- numbered lines ---- */

/* From which number on this spool is wanted: 1 where another one was there before. */
static enum err
spool_read(struct batch *batch, struct id *was, uint64_t *was_next, uint64_t *next, struct why *why)
{
	struct args args = {0};
	auto_rows rows = {0};
	enum err r;

	args_id(&args, batch->sandbox);
	if ((r = db_run(&batch->state->db, SQL_LOGS_SPOOL, &args, &rows, why)) != OK)
		return r;
	if (rows.n == 0)
		return fail(why, ERR_NOT_FOUND, "sandbox not found");
	*was = batch->spool;
	*was_next = *next = batch->generation = 1;
	if (rows_null(&rows, 0, 0))
		return OK;
	*was = rows_id(&rows, 0, 0);
	*was_next = rows_number(&rows, 0, 1);
	batch->generation = rows_number(&rows, 0, 2) + !id_equal(*was, batch->spool);
	*next = id_equal(*was, batch->spool) ? *was_next : 1;
	return OK;
}

static enum err
spool_write(struct batch *batch, struct id was, uint64_t was_next, uint64_t next, struct why *why)
{
	struct args args = {0};
	auto_rows rows = {0};
	enum err r;

	args_id(&args, batch->sandbox);
	args_id(&args, batch->spool);
	args_number(&args, next);
	args_id(&args, was);
	args_number(&args, was_next);
	args_number(&args, batch->generation);
	if ((r = db_run(&batch->state->db, SQL_LOGS_SPOOLED, &args, &rows, why)) == OK && rows.touched == 0)
		r = fail(why, ERR_UNAVAILABLE, "other lines of this spool are being stored");
	return r;
}

/*
 * Which of the lines are stored: those behind the last that is. What lies between it and the first was dropped, if the
 * link was asked from there on; if not, nothing is stored now, and it is asked.
 */
static enum err
spool_take_up(struct batch *batch, struct why *why)
{
	uint64_t was_next, next, known;
	struct id was;
	enum err r;

	if (batch->first == 0)
		return OK;
	if ((r = spool_read(batch, &was, &was_next, &next, why)) != OK)
		return r;
	batch->next = next;
	if (batch->since > next) {
		batch->n = 0;
		return OK;
	}
	batch->dropped = batch->first > next ? batch->first - next : 0;
	known = batch->first < next ? next - batch->first : 0;
	known = known < batch->n ? known : batch->n;
	batch->lines += known;
	batch->n -= known;
	batch->first += known;
	if (batch->n > 0 || batch->dropped > 0)
		batch->next = batch->first + batch->n;
	if (batch->next == next && id_equal(was, batch->spool) && !batch->ask)
		return OK;
	return spool_write(batch, was, was_next, batch->next, why); /* who asks has it on the disk, and all before it */
}

static enum err
store(void *arg, struct why *why)
{
	struct batch *batch = arg;
	enum err r;

	if ((r = spool_take_up(batch, why)) != OK || (batch->n == 0 && batch->dropped == 0))
		return r;
	if ((r = drops_say(batch, why)) != OK || (r = lines_add(batch, why)) != OK)
		return r;
	if (batch->n > 0 && batch->stored == 0)
		return fail(why, ERR_NOT_FOUND, "sandbox not found");
	return (r = lines_trim(batch, why)) != OK ? r : lines_say(batch, why);
}

/*
 * Lines of one sandbox. Whose they are is not believed: from relay they are the sandbox's, from a driver the gateway's.
 * Numbered ones are stored once, however often they come. Lines are not waited for until they are on the disk; the
 * question that a link asks behind the last of them is.
 *
 * in      logs_add, from relay or a driver
 * out     done; to numbered ones logs_added, with the number that is wanted next
 * errors  ERR_NOT_FOUND; ERR_UNAVAILABLE the database is away: send them again, or count them as dropped
 */
enum err
logs_add(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	const struct msg_logs_add *in = &m->logs_add;
	struct batch batch = {.state = self,
	    .sandbox = in->sandbox,
	    .dropped = in->dropped,
	    .spool = in->spool,
	    .first = in->first,
	    .since = in->since,
	    .ask = in->first != 0 && in->lines_n == 0,
	    .lines = in->lines,
	    .n = in->lines_n};
	enum err r;

	if ((r = state_serving(self, why)) != OK)
		return r;
	for (size_t i = 0; i < in->lines_n; i++)
		in->lines[i].source = m->from->role == ROLE_DRIVER ? SPAN("gateway") : SPAN("sandbox");
	if ((r = db_transaction(&batch.state->db, batch.ask ? DURABLE : LAZY, store, &batch, why)) != OK)
		return r;
	if (in->first == 0) {
		answer->id = DONE;
		return OK;
	}
	answer->id = LOGS_ADDED;
	answer->logs_added.next = batch.next;
	return OK;
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

	return r != OK ? r : lines_say(&batch, why);
}
