/* Starting and starting again: at once where a process ran well, after a growing while where it did not. */
#include "sandbox/supervisor/kept.h"

#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "common/base/clean.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/bus/channel.h"
#include "sandbox/supervisor/bundle.h"

#define DELAY_FIRST_MS 50
#define DELAY_MAX_MS   800   /* it is back within a second, however often it dies */
#define STEADY_MS      10000 /* one that ran so long begins the delays anew */
#define LAST_WORDS_MS  100   /* between the end of a channel and of its process */

static void start_again(void *self);

static void
child_ended(void *self, int status)
{
	struct kept *kept = self;
	int code = child_exit_code(status);
	bool steady = clock_ms() - kept->started_ms >= STEADY_MS;

	kept_down(kept);
	loop_timer_stop(kept->bus->loop, &kept->again);
	kept->child.pid = 0;
	if (kept->over || (kept->ended != NULL && !kept->ended(kept->self, code)))
		return;
	log_warning("process.ended", "name=%s code=%d", kept->name, code);
	kept->delay_ms = steady || kept->delay_ms == 0 ? DELAY_FIRST_MS : kept->delay_ms * 2;
	if (kept->delay_ms > DELAY_MAX_MS)
		kept->delay_ms = DELAY_MAX_MS;
	loop_timer_set(kept->bus->loop, &kept->again, steady ? 0 : kept->delay_ms, start_again, kept);
}

enum err
kept_start(struct kept *kept, struct why *why)
{
	const char *const argv[] = {kept->name, NULL};
	char path[64];
	struct child_plan plan = {.path = path,
	    .argv = argv,
	    .envp = bundle_environment,
	    .fds = {0, 1, 2, -1},
	    .fds_count = 4,
	    .die_with_parent = true};
	auto_fd int theirs = -1;
	int ours;
	enum err r;

	if ((r = kept->ready(kept->self, why)) != OK)
		return r;
	snprintf(path, sizeof(path), BUNDLE_PROGRAMS "%s", kept->name);
	if ((r = channel_pair(&ours, &theirs, why)) != OK)
		return r;
	plan.fds[3] = theirs;
	if ((r = child_start(&kept->child, &plan, why)) != OK) {
		close(ours);
		return r;
	}
	kept->started_ms = clock_ms();
	if ((r = child_watch(&kept->child, kept->bus->loop, child_ended, kept, why)) != OK ||
	    (r = channel_open(kept->bus, kept->role, kept->name, ours, &kept->peer, why)) != OK)
		return r;
	return kept->greet(kept->self, why);
}

static void
start_again(void *self)
{
	struct kept *kept = self;
	struct why why = {0};
	enum err r = kept_start(kept, &why);

	if (r == OK || kept->over)
		return;
	log_failure("process.start", r, &why);
	if (kept->child.pid != 0) /* it runs, and was not told: it is ended, and its end is heard */
		child_kill(&kept->child, SIGKILL);
	else
		loop_timer_set(kept->bus->loop, &kept->again, DELAY_MAX_MS, start_again, kept);
}

static void
kill_now(void *self)
{
	struct kept *kept = self;

	child_kill(&kept->child, SIGKILL);
}

void
kept_renew(struct kept *kept)
{
	child_kill(&kept->child, SIGKILL);
	kept_down(kept);
}

void
kept_down(struct kept *kept)
{
	if (kept->peer == NULL)
		return;
	kept->peer = NULL;
	kept->told = false;
	loop_timer_set(kept->bus->loop, &kept->again, LAST_WORDS_MS, kill_now, kept);
	if (kept->gone != NULL)
		kept->gone(kept->self);
}

void
kept_stop(struct kept *kept)
{
	kept->over = true;
	loop_timer_stop(kept->bus->loop, &kept->again);
	child_kill(&kept->child, SIGKILL);
}
