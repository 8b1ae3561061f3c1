/* The spool: each line kept as the encoded message it came in, under a number; sent in batches, one call at a time. */
#include "sandbox/link/spool.h"

#include <sodium.h>
#include <stdlib.h>

#include "common/base/log.h"
#include "common/bus/codec.h"
#include "sandbox/link/backoff.h"
#include "sandbox/link/helpers.h"

#define BATCH_LINES 100
#define ASK_MS	    1000 /* after the last line: longer than a database that dies forgets (3 wal_writer_delay) */

/* One line: a logs_add of one line, encoded. */
struct line {
	struct list link;
	uint64_t number;
	size_t length;
	char *bytes;
};

static void send_next(struct link *link);

void
spool_init(struct spool *spool)
{
	list_init(&spool->lines);
	randombytes_buf(&spool->id, sizeof(spool->id));
	spool->next = spool->wanted = 1;
}

static struct line *
first_line(const struct spool *spool)
{
	return spool->lines_n == 0 ? NULL : list_item(spool->lines.next, struct line, link);
}

static void
drop_first(struct spool *spool)
{
	struct line *line = first_line(spool);

	list_remove(&line->link);
	spool->lines_n--;
	spool->bytes -= line->length;
	free(line->bytes);
	free(line);
}

static void
drop_sent(struct spool *spool)
{
	const struct line *line;

	while ((line = first_line(spool)) != NULL && line->number < spool->sent)
		drop_first(spool);
}

void
spool_done(struct link *link)
{
	loop_timer_stop(link->loop, &link->spool.again);
	loop_timer_stop(link->loop, &link->spool.ask);
	while (link->spool.lines_n > 0)
		drop_first(&link->spool);
}

void
spool_add(struct spool *spool, const struct msg_log_line *one)
{
	struct msg m = {.id = LOGS_ADD, .logs_add = {.lines = (struct msg_log_line *)(uintptr_t)one, .lines_n = 1}};
	struct line *line = calloc(1, sizeof(*line));
	size_t room = 0;
	struct why why;

	if (line == NULL)
		abort();
	if (msg_encode(&m, &line->bytes, &room, &line->length, &why) != OK)
		abort(); /* it has been decoded within the same bounds */
	if ((line->bytes = realloc(line->bytes, line->length)) == NULL)
		abort();
	line->number = spool->next++;
	list_append(&spool->lines, &line->link);
	spool->lines_n++;
	spool->bytes += line->length;
	while (spool->lines_n > SPOOL_LINES_MAX || spool->bytes > SPOOL_BYTES_MAX)
		drop_first(spool);
}

static void
send_again(void *self)
{
	send_next(self);
}

static void
ask(void *self)
{
	struct link *link = self;

	link->spool.unsure = true;
	send_next(link);
}

/* State says which line it wants next: mostly the one behind those just sent, an earlier one where it lost some again. */
static void
wanted(struct link *link, uint64_t next)
{
	struct spool *spool = &link->spool;
	bool asked = spool->unsure;

	spool->delay_ms = 0;
	spool->unsure = false;
	spool->wanted = next < spool->next ? next : spool->next;
	if (asked && spool->wanted >= spool->sent)
		drop_sent(spool); /* it has them still */
	else if (spool->wanted == spool->next)
		loop_timer_set(link->loop, &spool->ask, ASK_MS, ask, link);
	send_next(link);
}

/* Refused, not delayed: what was sent will never be taken. */
static void
forget_sent(struct link *link, enum err r, const struct why *why)
{
	log_warning("logs.refused", "error=%s why=\"%s\"", err_name(r), log_quote(span_of_text(why->text)));
	drop_sent(&link->spool);
	wanted(link, link->spool.sent);
}

static void
sent(void *self, enum err r, struct msg *answer, const struct why *why)
{
	struct link *link = self;
	struct spool *spool = &link->spool;

	spool->call = 0;
	if (r == OK) /* done: a gateway of the release before this one */
		wanted(link, answer->id == LOGS_ADDED ? answer->logs_added.next : spool->sent);
	else if (!backoff_helps(r))
		forget_sent(link, r, why);
	else if (link->enrolment.done)
		loop_timer_set(link->loop, &spool->again, backoff_next(&spool->delay_ms), send_again, link);
}

/* Lines from the one that is wanted on, as far as their numbers follow each other. */
static size_t
gather(const struct spool *spool, struct arena *arena, struct msg_log_line *lines, uint64_t *first)
{
	struct line *line;
	size_t n = 0;

	list_each(line, &spool->lines, struct line, link) {
		struct msg m;
		struct why why;

		if (line->number < spool->wanted)
			continue;
		if (n == 0)
			*first = line->number;
		if (n == BATCH_LINES || line->number != *first + n ||
		    msg_decode(span_of_bytes(line->bytes, line->length), arena, &m, &why) != OK)
			break;
		lines[n++] = m.logs_add.lines[0];
	}
	return n;
}

static void
send_next(struct link *link)
{
	struct spool *spool = &link->spool;
	auto_arena struct arena arena = {0};
	struct msg_log_line lines[BATCH_LINES];
	struct msg m = {
	    .id = LOGS_ADD, .logs_add = {.sandbox = link->setup.sandbox, .lines = lines, .spool = spool->id}};

	if (spool->call != 0 || spool->again.place != 0 || !link->enrolment.done ||
	    (spool->wanted == spool->next && !spool->unsure))
		return;
	loop_timer_stop(link->loop, &spool->ask);
	m.logs_add.first = spool->next;
	m.logs_add.lines_n = gather(spool, &arena, lines, &m.logs_add.first);
	m.logs_add.since = spool->wanted;
	spool->sent = m.logs_add.first + m.logs_add.lines_n;
	spool->unsure = m.logs_add.lines_n == 0;
	spool->call = peer_call(link->relay, &m, CALL_DEADLINE_MS, sent, link);
}

void
spool_begin(struct link *link)
{
	link->spool.unsure = link->spool.next > 1; /* who knows what became of it meanwhile */
	send_next(link);
}

void
spool_pause(struct link *link)
{
	struct spool *spool = &link->spool;

	loop_timer_stop(link->loop, &spool->again);
	loop_timer_stop(link->loop, &spool->ask);
	call_cancel(link->relay, spool->call);
	spool->call = 0;
}

/*
 * Lines of this sandbox's log.
 *
 * in      logs_add, from the supervisor, policyd or proxy
 * out     done: kept, or counted as dropped
 */
enum err
spool_take(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	struct link *link = self;

	if (!may_log(link, m->from))
		return fail(why, ERR_DENIED, "only processes of this sandbox log here");
	link->spool.next += m->logs_add.dropped;
	for (size_t i = 0; i < m->logs_add.lines_n; i++)
		spool_add(&link->spool, &m->logs_add.lines[i]);
	send_next(link);
	if (m->call != 0)
		answer->id = DONE;
	return OK;
}
