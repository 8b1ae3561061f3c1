/* The spool: each line kept as the encoded message it came in; sent in batches, one call at a time. */
#include "sandbox/link/spool.h"

#include <stdlib.h>

#include "common/base/log.h"
#include "common/bus/codec.h"
#include "sandbox/link/backoff.h"
#include "sandbox/link/helpers.h"

#define BATCH_LINES 100

/* One line: a logs_add of one line, encoded. */
struct line {
	struct list link;
	size_t length;
	char *bytes;
};

static void send_next(struct link *link);

void
spool_init(struct spool *spool)
{
	list_init(&spool->lines);
}

static void
drop_first(struct spool *spool)
{
	struct line *line = list_item(spool->lines.next, struct line, link);

	list_remove(&line->link);
	spool->lines_n--;
	spool->bytes -= line->length;
	free(line->bytes);
	free(line);
}

void
spool_done(struct link *link)
{
	loop_timer_stop(link->loop, &link->spool.again);
	while (link->spool.lines_n > 0)
		drop_first(&link->spool);
}

/* A line that is on its way is counted only when it turns out not to have arrived. */
static void
make_room(struct spool *spool)
{
	while (spool->lines_n > SPOOL_LINES_MAX || spool->bytes > SPOOL_BYTES_MAX) {
		drop_first(spool);
		if (spool->sent_n > 0) {
			spool->sent_n--;
			spool->sent_dropped++;
		}
		spool->dropped++;
	}
}

void
spool_add(struct spool *spool, const struct msg_log_line *one)
{
	struct msg m = {
	    .id = LOGS_ADD, .logs_add = {.lines = (struct msg_log_line *)(uintptr_t)one, .lines_n = 1}};
	struct line *line = calloc(1, sizeof(*line));
	size_t room = 0;
	struct why why;

	if (line == NULL)
		abort();
	if (msg_encode(&m, &line->bytes, &room, &line->length, &why) != OK)
		abort(); /* it has been decoded within the same bounds */
	if ((line->bytes = realloc(line->bytes, line->length)) == NULL)
		abort();
	list_append(&spool->lines, &line->link);
	spool->lines_n++;
	spool->bytes += line->length;
	make_room(spool);
}

static void
send_again(void *self)
{
	send_next(self);
}

static void
forget_sent(struct spool *spool)
{
	while (spool->sent_n > 0) {
		spool->sent_n--;
		drop_first(spool);
	}
	spool->dropped -= spool->sent_dropped;
	spool->sent_dropped = 0;
}

static void
sent(void *self, enum err r, struct msg *answer, const struct why *why)
{
	struct link *link = self;
	struct spool *spool = &link->spool;

	(void)answer;
	spool->call = 0;
	if (!backoff_helps(r)) {
		if (r != OK)
			log_warning("logs.refused", "error=%s why=\"%s\"", err_name(r),
			    log_quote(span_of_text(why->text)));
		forget_sent(spool);
		spool->delay_ms = 0;
		send_next(link);
		return;
	}
	spool->sent_n = 0;
	spool->sent_dropped = 0;
	if (link->enrolment.done)
		loop_timer_set(link->loop, &spool->again, backoff_next(&spool->delay_ms), send_again, link);
}

static size_t
gather(struct spool *spool, struct arena *arena, struct msg_log_line *lines)
{
	struct line *line;
	size_t n = 0;

	list_each (line, &spool->lines, struct line, link) {
		struct msg m;
		struct why why;

		if (n == BATCH_LINES ||
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
	struct msg m = {.id = LOGS_ADD, .logs_add = {.sandbox = link->setup.sandbox, .lines = lines}};

	if (spool->lines_n == 0 || spool->call != 0 || spool->again.place != 0 || !link->enrolment.done)
		return;
	m.logs_add.lines_n = spool->sent_n = gather(spool, &arena, lines);
	spool->sent_dropped = spool->dropped > UINT32_MAX ? UINT32_MAX : spool->dropped;
	m.logs_add.dropped = (uint32_t)spool->sent_dropped;
	spool->call = peer_call(link->relay, &m, CALL_DEADLINE_MS, sent, link);
}

void
spool_begin(struct link *link)
{
	send_next(link);
}

void
spool_pause(struct link *link)
{
	struct spool *spool = &link->spool;

	loop_timer_stop(link->loop, &spool->again);
	call_cancel(link->relay, spool->call);
	spool->call = 0;
	spool->sent_n = 0;
	spool->sent_dropped = 0;
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
	for (size_t i = 0; i < m->logs_add.lines_n; i++)
		spool_add(&link->spool, &m->logs_add.lines[i]);
	link->spool.dropped += m->logs_add.dropped;
	send_next(link);
	if (m->call != 0)
		answer->id = DONE;
	return OK;
}
