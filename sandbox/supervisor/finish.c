/* How a sandbox ends: it could not begin, its main process ended, its spawner died, or it was asked to. */
#include "sandbox/supervisor/supervisor.h"

#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "common/base/clean.h"
#include "common/base/log.h"
#include "sandbox/supervisor/bundle.h"

#define STOP_MS	   10000
#define HANG_UP_MS 500

/* Nothing of the agent outlives this: its process namespace ends with process 1. What it wrote last is still link's to read. */
static void
over(struct supervisor *s)
{
	s->bus.state = STATE_OVER;
	s->main.running = false;
	child_kill(&s->spawner, SIGKILL);
	way_stop(s);
	secrets_stop(s);
	loop_timer_stop(s->loop, &s->late);
	command_lost_all(s);
	if (s->stopping)
		loop_stop(s->loop);
}

/*
 * The gateway is told through link, which keeps the report until it is heard; so this process stays, idle and with
 * no agent, until the driver ends it.
 */
void
finish_failed(struct supervisor *s, const char *reason, const struct why *why)
{
	if (s->bus.state == STATE_OVER)
		return;
	s->failed = true;
	snprintf(s->failed_reason, sizeof(s->failed_reason), "%s", reason);
	s->failed_words = *why;
	linkage_say(s, "ERROR", "the sandbox cannot start: %s: %s", reason, why->text);
	over(s);
	linkage_report(s);
}

void
finish_main(struct supervisor *s, uint16_t exit_code)
{
	if (s->bus.state == STATE_OVER)
		return;
	s->main.exit_code = exit_code;
	linkage_say(s, "INFO", "the main process ended with code %u", exit_code);
	over(s);
	linkage_report(s);
}

/* All commands died with it: this instance is over, and the driver starts another. */
void
finish_spawner(struct supervisor *s)
{
	s->spawner_peer = NULL;
	if (s->bus.state == STATE_OVER || s->spawner_lost)
		return;
	linkage_say(s, "ERROR", "the spawner died, and all commands with it");
	s->spawner_lost = true;
	loop_stop(s->loop);
}

/* What would be started beside us is of another release: this instance is over, and the driver starts one that is all of that. */
enum err
finish_replaced(void *self, struct why *why)
{
	struct supervisor *s = self;

	if (bundle_stamp() == s->bundle_stamp)
		return OK;
	if (!s->replaced)
		linkage_say(s, "ERROR", "the programs of this sandbox were replaced by others: it is started anew");
	s->replaced = true;
	loop_stop(s->loop);
	return fail(why, ERR_STATE, "the programs of this sandbox were replaced by others");
}

static enum err
main_signal(struct supervisor *s, uint8_t number)
{
	struct msg m = {.id = SPAWN_SIGNAL, .spawn_signal = {s->main.command_id, number}};
	struct why why;

	return !s->main.running || s->spawner_peer == NULL ? ERR_STATE : peer_tell(s->spawner_peer, &m, &why);
}

/* A shell at a terminal is deaf to SIGTERM and ends when its terminal does; one that is just starting may miss that once. */
static void
stop_wait(void *self)
{
	struct supervisor *s = self;

	if (s->stop_waited_ms >= STOP_MS) {
		loop_stop(s->loop);
		return;
	}
	if (s->enrolled.tty && main_signal(s, SIGHUP) != OK)
		loop_stop(s->loop);
	s->stop_waited_ms += HANG_UP_MS;
	loop_timer_set(s->loop, &s->stop_timer, HANG_UP_MS, stop_wait, s);
}

void
finish_asked(void *self, int signal_number)
{
	struct supervisor *s = self;

	(void)signal_number;
	s->stopping = true;
	if (main_signal(s, SIGTERM) != OK) {
		loop_stop(s->loop);
		return;
	}
	linkage_say(s, "INFO", "asked to stop");
	stop_wait(s);
}
