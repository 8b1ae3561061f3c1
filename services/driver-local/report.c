/* Reports: what is, told to state until it has stored it. */
#include <stdio.h>

#include "services/driver-local/driver.h"

#define AGAIN_MS 1000

static void report_send(void *self);

static void
report_told(void *self, enum err r, struct msg *answer, const struct why *why)
{
	struct sandbox *sandbox = self;
	struct driver *driver = sandbox->driver;
	bool gone = sandbox->observation.what == OBSERVED_GONE;

	(void)answer;
	sandbox->telling = 0;
	/* Away: it will ask for everything again when it is back. */
	if (r != OK && driver->state == NULL)
		return;
	if (r == ERR_UNAVAILABLE || r == ERR_TIMEOUT || (r != OK && err_retry(r))) {
		loop_timer_set(driver->loop, &sandbox->tell_again, AGAIN_MS, report_send, sandbox);
		return;
	}
	if (r != OK)
		log_warning("report.refused", "sandbox=%s why=\"%s\"", id_text(sandbox->id), why->text);
	sandbox->observation.what = 0;
	if (gone)
		sandbox_free(sandbox);
}

static void
report_send(void *self)
{
	struct sandbox *sandbox = self;
	struct driver *driver = sandbox->driver;
	const struct observation *o = &sandbox->observation;
	struct msg m = {.id = OBSERVED,
	    .observed = {.sandbox = sandbox->id,
		.epoch = o->epoch,
		.what = o->what,
		.reason = span_of_text(o->reason),
		.message = span_of_text(o->message)}};

	/* Leaving: the record says it to the next driver, and state may be leaving too. */
	if (driver->state == NULL || o->what == 0 || driver->leaving)
		return;
	sandbox->telling = peer_call(driver->state, &m, CALL_DEADLINE_MS, report_told, sandbox);
}

void
report_drop(struct sandbox *sandbox)
{
	if (sandbox->telling != 0 && sandbox->driver->state != NULL)
		call_cancel(sandbox->driver->state, sandbox->telling);
	sandbox->telling = 0;
	loop_timer_stop(sandbox->driver->loop, &sandbox->tell_again);
	sandbox->observation.what = 0;
}

void
report_set(struct sandbox *sandbox, uint8_t what, uint32_t epoch, const char *reason, const char *message)
{
	struct observation *o = &sandbox->observation;

	report_drop(sandbox);
	o->what = what;
	o->epoch = epoch;
	snprintf(o->reason, sizeof(o->reason), "%s", reason);
	snprintf(o->message, sizeof(o->message), "%s", message);
	report_send(sandbox);
}
