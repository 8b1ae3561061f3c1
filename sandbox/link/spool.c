/* The spool: each line kept in the journal as the encoded message it came in; sent in batches, one call at a time. */
#include "sandbox/link/spool.h"

#include <stdlib.h>

#include "common/base/clean.h"
#include "common/base/log.h"
#include "common/bus/channel.h"
#include "common/bus/codec.h"
#include "sandbox/link/backoff.h"
#include "sandbox/link/helpers.h"
#include "sandbox/link/ocsf.h"

#define BATCH_LINES 100
#define ASK_MS	    1000 /* after the last line: whether state has them all on its disk */

static void send_next(struct link *link);

/* Number of the next line that comes. */
static uint64_t
next_of(const struct spool *spool)
{
	return spool->lines.head->next;
}

/* Each record is a logs_add of one line, encoded. */
static bool
line_read(struct span bytes, struct arena *arena, struct msg_log_line *out)
{
	struct msg m;
	struct why why;

	if (msg_decode(bytes, arena, &m, &why) != OK || m.id != LOGS_ADD || m.logs_add.lines_n != 1)
		return false;
	*out = m.logs_add.lines[0];
	return true;
}

static bool
line_good(struct span bytes)
{
	auto_arena struct arena arena = {0};
	struct msg_log_line line;

	return line_read(bytes, &arena, &line);
}

enum err
spool_open(struct spool *spool, int fd, struct why *why)
{
	bool forgot;
	const size_t bytes = CHANNEL_SPOOL_BYTES - MARKS_BYTES;
	enum err r;

	if ((r = journal_open(&spool->lines, bytes, fd, line_good, &forgot, why)) != OK)
		return r;
	if ((r = marks_open(&spool->marks, &spool->lines, fd, bytes, why)) != OK) {
		journal_done(&spool->lines);
		return r;
	}
	if (forgot)
		log_warning("logs.forgotten", "why=\"the link before this one left what is no spool\"");
	spool->wanted = spool->lines.head->next; /* state says what it wants */
	return OK;
}

static void
drop_sent(struct spool *spool)
{
	while (journal_drop(&spool->lines, spool->sent))
		continue;
}

void
spool_done(struct link *link)
{
	loop_timer_stop(link->loop, &link->spool.again);
	loop_timer_stop(link->loop, &link->spool.ask);
	journal_done(&link->spool.lines);
	marks_done(&link->spool.marks);
}

void
spool_add(struct spool *spool, const struct msg_log_line *one)
{
	struct msg m = {.id = LOGS_ADD, .logs_add = {.lines = (struct msg_log_line *)(uintptr_t)one, .lines_n = 1}};
	auto_free char *bytes = NULL;
	size_t room = 0, length;
	struct why why;

	if (msg_encode(&m, &bytes, &room, &length, &why) != OK)
		abort(); /* it has been decoded within the same bounds */
	journal_put(&spool->lines, span_of_bytes(bytes, length));
	if (spool->lines.records_n > SPOOL_LINES_MAX)
		journal_drop(&spool->lines, UINT64_MAX);
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
	spool->wanted = next < next_of(spool) ? next : next_of(spool);
	if (asked && spool->wanted >= spool->sent)
		drop_sent(spool); /* it has them still */
	else if (spool->wanted == next_of(spool))
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
	uint64_t at = 0, number;
	struct span bytes;
	size_t n = 0;

	while (n < BATCH_LINES && journal_read(&spool->lines, &at, &number, &bytes)) {
		if (number < spool->wanted)
			continue;
		if (n == 0)
			*first = number;
		if (number != *first + n || !line_read(bytes, arena, &lines[n]))
			break;
		n++;
	}
	return n;
}

static void
send_next(struct link *link)
{
	struct spool *spool = &link->spool;
	auto_arena struct arena arena = {0};
	struct msg_log_line lines[BATCH_LINES];
	struct msg m = {.id = LOGS_ADD,
	    .logs_add = {.sandbox = link->setup.sandbox, .lines = lines, .spool = spool->lines.head->id}};

	if (spool->call != 0 || spool->again.place != 0 || !link->enrolment.done ||
	    (spool->wanted == next_of(spool) && !spool->unsure))
		return;
	loop_timer_stop(link->loop, &spool->ask);
	m.logs_add.first = next_of(spool);
	m.logs_add.lines_n = gather(spool, &arena, lines, &m.logs_add.first);
	m.logs_add.since = spool->wanted;
	spool->sent = m.logs_add.first + m.logs_add.lines_n;
	spool->unsure = m.logs_add.lines_n == 0;
	spool->call = peer_call(link->relay, &m, CALL_DEADLINE_MS, sent, link);
}

void
spool_begin(struct link *link)
{
	link->spool.unsure = next_of(&link->spool) > 1; /* who knows what became of it meanwhile */
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

/* Those that were lost before the first of these; by the next link, too, that is more than none at most once. */
static void
take_lost(struct spool *spool, struct mark *mark, uint64_t first)
{
	uint64_t n = first - mark->next;

	mark_begin(mark, &spool->lines);
	journal_skip(&spool->lines, n < UINT32_MAX ? n : UINT32_MAX);
	mark_end(mark, first);
}

/* Lines that bear numbers of their source's, each once; returns how many of them were here already. */
static size_t
take_numbered(struct spool *spool, const struct msg_logs_add *in)
{
	struct mark *mark = marks_find(&spool->marks, in->spool);
	size_t known;

	if (in->first > mark->next)
		take_lost(spool, mark, in->first);
	known = mark->next - in->first < in->lines_n ? (size_t)(mark->next - in->first) : in->lines_n;
	for (size_t i = known; i < in->lines_n; i++) {
		mark_begin(mark, &spool->lines);
		spool_add(spool, &in->lines[i]);
		mark_end(mark, mark->next + 1);
	}
	return known;
}

/*
 * Lines of this sandbox's log. Numbered ones are kept once, however often they come, and whichever link they came to.
 *
 * in      logs_add, from the supervisor, policyd or proxy
 * out     done: kept, or counted as dropped
 */
enum err
spool_take(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	const struct msg_logs_add *in = &m->logs_add;
	struct link *link = self;
	size_t known = 0;

	if (!may_log(link, m->from))
		return fail(why, ERR_DENIED, "only processes of this sandbox log here");
	if (in->first != 0) {
		known = take_numbered(&link->spool, in);
	} else {
		journal_skip(&link->spool.lines, in->dropped);
		for (size_t i = 0; i < in->lines_n; i++)
			spool_add(&link->spool, &in->lines[i]);
	}
	ocsf_take(link, in->lines + known, in->lines_n - known);
	send_next(link);
	if (m->call != 0)
		answer->id = DONE;
	return OK;
}
