/* Reports: at most one of each kind, sent one at a time and in order, so that state hears of ready before the
 * end. */
#include "sandbox/link/report.h"

#include <stdlib.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/bus/codec.h"
#include "sandbox/link/backoff.h"
#include "sandbox/link/main_io.h"

#define JOIN_MS 2000  /* after ready: who made the sandbox may be about to take part in its main process */
#define READ_MS 10000 /* after the main process's end: for those who still read what it wrote */
#define LOOK_MS 20

static void send_next(struct link *link);

static void
send_again(void *self)
{
	send_next(self);
}

static void
look_again(void *self)
{
	send_next(self);
}

/*
 * Is the end of the main process kept back for a while? The sandbox is ended as soon as state has heard of it, and with
 * it go those who still read the last output, and those who would have come for it.
 */
static bool
end_held(struct link *link)
{
	struct reports *reports = &link->reports;
	uint64_t now_ms = clock_ms();
	bool held = link->doors_n > 0 || (!reports->joined && now_ms < reports->ready_ms + JOIN_MS);

	reports->joined |= link->doors_n > 0;
	if (!held || now_ms >= reports->exited_ms + READ_MS)
		return false;
	loop_timer_set(link->loop, &reports->held, LOOK_MS, look_again, link);
	return true;
}

static struct report *
first_untold(struct link *link)
{
	struct reports *reports = &link->reports;

	for (size_t i = 0; i < REPORT_KINDS; i++)
		if (reports->of[i].bytes != NULL && !reports->of[i].told)
			return i == REPORT_MAIN_EXITED && end_held(link) ? NULL : &reports->of[i];
	return NULL;
}

static void
told(void *self, enum err r, struct msg *answer, const struct why *why)
{
	struct link *link = self;
	struct reports *reports = &link->reports;
	struct report *report = reports->sent;

	(void)answer;
	reports->call = 0;
	reports->sent = NULL;
	if (backoff_helps(r)) {
		if (link->enrolment.done)
			loop_timer_set(link->loop, &reports->again, backoff_next(&reports->delay_ms), send_again, link);
		return;
	}
	if (r != OK)
		log_warning("report.refused", "error=%s why=\"%s\"", err_name(r), log_quote(span_of_text(why->text)));
	reports->delay_ms = 0;
	if (report != NULL)
		report->told = true;
	send_next(link);
}

static void
send_next(struct link *link)
{
	struct reports *reports = &link->reports;
	struct report *report;
	auto_arena struct arena arena = {0};
	struct msg m = {0};
	struct why why;

	if (reports->call != 0 || !link->enrolment.done || (report = first_untold(link)) == NULL)
		return;
	if (msg_decode(span_of_bytes(report->bytes, report->length), &arena, &m, &why) != OK)
		abort(); /* we wrote it */
	reports->sent = report;
	reports->call = peer_call(link->relay, &m, CALL_DEADLINE_MS, told, link);
}

void
reports_begin(struct link *link)
{
	struct reports *reports = &link->reports;

	if (reports->of[REPORT_FAILED].bytes == NULL && reports->of[REPORT_MAIN_EXITED].bytes == NULL)
		reports->of[REPORT_READY].told = false;
	send_next(link);
}

void
reports_pause(struct link *link)
{
	loop_timer_stop(link->loop, &link->reports.again);
	call_cancel(link->relay, link->reports.call);
	link->reports.call = 0;
	link->reports.sent = NULL;
}

void
reports_done(struct link *link)
{
	loop_timer_stop(link->loop, &link->reports.again);
	loop_timer_stop(link->loop, &link->reports.held);
	for (size_t i = 0; i < REPORT_KINDS; i++)
		free(link->reports.of[i].bytes);
}

static enum report_kind
kind_of(const struct msg *m)
{
	if (m->id == CONFIG_APPLIED)
		return m->config_applied.loaded ? REPORT_APPLIED : REPORT_UNAPPLIED;
	if (m->id == SECRETS_APPLIED)
		return m->secrets_applied.loaded ? REPORT_SECRETS : REPORT_UNSECRETS;
	return m->id == SANDBOX_READY ? REPORT_READY : m->id == SANDBOX_FAILED ? REPORT_FAILED : REPORT_MAIN_EXITED;
}

/*
 * Something that state must learn of this sandbox. A newer one of the same kind replaces what was not told
 * yet.
 *
 * in      sandbox_ready, sandbox_failed, config_applied, secrets_applied, main_exited, from the supervisor
 * out     done: it is kept (in this process: a link that takes our place must be told again)
 */
enum err
report_take(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	struct link *link = self;
	struct report *report = &link->reports.of[kind_of(m)];
	size_t room = 0, length;
	char *bytes = NULL;
	enum err r;

	if (m->from != link->supervisor)
		return fail(why, ERR_DENIED, "only the supervisor reports");
	if ((r = msg_encode(m, &bytes, &room, &length, why)) != OK)
		return r;
	if (m->id == SECRETS_APPLIED && m->secrets_applied.loaded)
		link->secrets_revision = m->secrets_applied.revision;
	if (m->id == SANDBOX_READY && link->reports.ready_ms == 0)
		link->reports.ready_ms = clock_ms();
	if (m->id == MAIN_EXITED) {
		if (link->reports.exited_ms == 0)
			link->reports.exited_ms = clock_ms();
		main_io_exited(link, m->main_exited.exit_code);
	}
	if (link->reports.sent == report)
		reports_pause(link); /* the old one is on its way: its answer says nothing of this one */
	free(report->bytes);
	*report = (struct report){.bytes = bytes, .length = length};
	send_next(link);
	if (m->call != 0)
		answer->id = DONE;
	return OK;
}
