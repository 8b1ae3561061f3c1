/* Reports: at most one of each kind, sent one at a time and in order, so that state hears of ready before the
 * end. */
#include "sandbox/link/report.h"

#include <stdlib.h>

#include "common/base/log.h"
#include "common/bus/codec.h"
#include "sandbox/link/backoff.h"
#include "sandbox/link/main_io.h"

static void send_next(struct link *link);

static void
send_again(void *self)
{
	send_next(self);
}

static struct report *
first_untold(struct reports *reports)
{
	for (size_t i = 0; i < REPORT_KINDS; i++)
		if (reports->of[i].bytes != NULL && !reports->of[i].told)
			return &reports->of[i];
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
			loop_timer_set(
			    link->loop, &reports->again, backoff_next(&reports->delay_ms), send_again, link);
		return;
	}
	if (r != OK)
		log_warning(
		    "report.refused", "error=%s why=\"%s\"", err_name(r), log_quote(span_of_text(why->text)));
	reports->delay_ms = 0;
	if (report != NULL)
		report->told = true;
	send_next(link);
}

static void
send_next(struct link *link)
{
	struct reports *reports = &link->reports;
	struct report *report = first_untold(reports);
	auto_arena struct arena arena = {0};
	struct msg m = {0};
	struct why why;

	if (report == NULL || reports->call != 0 || !link->enrolment.done)
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
	if (m->id == MAIN_EXITED)
		main_io_exited(link, m->main_exited.exit_code);
	if (link->reports.sent == report)
		reports_pause(link); /* the old one is on its way: its answer says nothing of this one */
	free(report->bytes);
	*report = (struct report){.bytes = bytes, .length = length};
	send_next(link);
	if (m->call != 0)
		answer->id = DONE;
	return OK;
}
