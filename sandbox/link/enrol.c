/* Enrolment: asked again after 50 ms to 2 s while it is not to be had; a refusal is the end of this sandbox's
 * start. */
#include "sandbox/link/enrol.h"

#include "common/base/log.h"
#include "sandbox/link/backoff.h"
#include "sandbox/link/config.h"
#include "sandbox/link/report.h"
#include "sandbox/link/spool.h"

#define END_MS 100 /* for the supervisor to be told before this process ends */

void
enrol_status(struct link *link, bool connected, const char *words)
{
	struct msg m = {.id = LINK_STATUS, .link_status = {connected, span_head(span_of_text(words), 512)}};
	struct why why;

	if (peer_tell(link->supervisor, &m, &why) != OK)
		log_warning("supervisor.untold", "why=\"%s\"", why.text);
}

static void
end_now(void *self)
{
	struct link *link = self;

	loop_stop(link->loop);
}

/* Only a new start of the sandbox can help: tell the supervisor and end. */
static void
refused(struct link *link, enum err r, const struct why *why)
{
	link->enrolment.refused = link->refused = true;
	log_error("enrol.refused", "error=%s why=\"%s\"", err_name(r), log_quote(span_of_text(why->text)));
	reply_fail(&link->enrolment.setup, r, why);
	enrol_status(link, false, why->text);
	loop_timer_set(link->loop, &link->enrolment.again, END_MS, end_now, link);
}

static void
granted(struct link *link, const struct msg *answer)
{
	struct enrolment *e = &link->enrolment;

	e->done = true;
	e->delay_ms = 0;
	e->told_away = false;
	log_info("enrol.granted", NULL);
	config_enrolled(link, answer);
	enrol_status(link, true, "");
	reports_begin(link);
	spool_begin(link);
}

/* This start, its token or its keys are not known there, or it is over: asking again changes nothing. */
static bool
for_good(enum err r)
{
	return r == ERR_DENIED || r == ERR_CONFLICT || r == ERR_NOT_FOUND || r == ERR_UNAUTHENTICATED || r == ERR_STATE;
}

static void
ask_again(void *self)
{
	enrol_begin(self);
}

static void
answered(void *self, enum err r, struct msg *answer, const struct why *why)
{
	struct link *link = self;
	struct enrolment *e = &link->enrolment;

	e->call = 0;
	if (r == OK && answer->id == ENROLLED) {
		granted(link, answer);
		return;
	}
	if (for_good(r)) {
		refused(link, r, why);
		return;
	}
	log_info(
	    "enrol.again", "error=%s why=\"%s\"", err_name(r), why == NULL ? "" : log_quote(span_of_text(why->text)));
	if (link->relay->up) /* otherwise its return begins anew */
		loop_timer_set(link->loop, &e->again, backoff_next(&e->delay_ms), ask_again, link);
}

void
enrol_begin(struct link *link)
{
	const struct setup *s = &link->setup;
	struct enrolment *e = &link->enrolment;
	struct msg m = {.id = ENROL,
	    .enrol = {.sandbox = s->sandbox,
		.epoch = s->epoch,
		.instance = s->instance,
		.token = span_of_bytes(s->token.bytes, sizeof(s->token.bytes)),
		.router_key = span_of_bytes(s->router_key, sizeof(s->router_key)),
		.router_mac = span_of_bytes(s->router_mac, sizeof(s->router_mac)),
		.secrets_revision = link->secrets_revision}};

	if (e->refused || e->call != 0)
		return;
	e->call = peer_call(link->relay, &m, CALL_DEADLINE_MS, answered, link);
}

void
enrol_lost(struct link *link, const char *words)
{
	struct enrolment *e = &link->enrolment;

	if (e->refused)
		return;
	loop_timer_stop(link->loop, &e->again);
	e->done = false;
	if (e->told_away)
		return;
	e->told_away = true;
	enrol_status(link, false, words);
}
