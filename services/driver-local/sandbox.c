/* One sandbox: what there is of it, and the steps that the table of reconciling asks for. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/clean.h"
#include "common/os/remove.h"
#include "services/driver-local/driver.h"
#include "services/driver-local/record.h"

#define LOCK_AGAIN_MS	5
#define CLEAR_AGAIN_MS	5
#define CLEAR_TRIES	100
#define REMOVE_AT_ONCE	512 /* entries between two looks at the bus */
#define REMOVE_AGAIN_MS 1000

int
sandbox_dir(struct sandbox *sandbox)
{
	return openat(
	    sandbox->driver->boxes_dir, id_text(sandbox->id), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

/* ---- what there is ---- */

static void
signal_send(struct sandbox *sandbox, int number)
{
	if (sandbox->pidfd >= 0)
		syscall(SYS_pidfd_send_signal, sandbox->pidfd, number, NULL, 0);
}

/* The box is dead: nothing of it runs any more (its pid namespace went with its first process). */
static void
clear(void *self)
{
	struct sandbox *sandbox = self;
	struct driver *driver = sandbox->driver;
	struct why why = {0};
	enum err r = cgroup_remove(&driver->places, id_text(sandbox->id), &why);

	if (r == ERR_BUSY && sandbox->tries++ < CLEAR_TRIES) {
		loop_timer_set(driver->loop, &sandbox->timer, CLEAR_AGAIN_MS, clear, sandbox);
		return;
	}
	if (r != OK)
		log_warning("sandbox.cgroup", "sandbox=%s why=\"%s\"", id_text(sandbox->id), why.text);
	sandbox_is(sandbox, sandbox->after);
	driver_left(driver);
}

void
sandbox_clear(struct sandbox *sandbox, enum phase after)
{
	sandbox->phase = PHASE_CLEARING;
	sandbox->after = after;
	sandbox->tries = 0;
	clear(sandbox);
}

static void
words_of_end(struct sandbox *sandbox, int status, bool known)
{
	if (sandbox->outdated)
		snprintf(sandbox->words, sizeof(sandbox->words),
		    "it ran the programs of another release than this gateway's");
	else if (!known)
		snprintf(sandbox->words, sizeof(sandbox->words), "the supervisor ended");
	else if (WIFSIGNALED(status))
		snprintf(
		    sandbox->words, sizeof(sandbox->words), "the supervisor was ended by signal %d", WTERMSIG(status));
	else
		snprintf(
		    sandbox->words, sizeof(sandbox->words), "the supervisor ended with code %d", WEXITSTATUS(status));
}

static void
box_ended(void *self, uint32_t events)
{
	struct sandbox *sandbox = self;
	int status = 0;
	bool known;

	(void)events;
	/* One that an earlier driver started is somebody else's child: how it ended is not known then. */
	known = waitpid(sandbox->pid, &status, WNOHANG) == sandbox->pid;
	words_of_end(sandbox, status, known);
	loop_remove(sandbox->driver->loop, &sandbox->pid_watch);
	loop_timer_stop(sandbox->driver->loop, &sandbox->timer);
	clean_fd(&sandbox->pidfd);
	sandbox->outdated = false;
	log_info("sandbox.ended", "sandbox=%s epoch=%u why=\"%s\"", id_text(sandbox->id), sandbox->box_epoch,
	    sandbox->words);
	sandbox_clear(sandbox, PHASE_ENDED);
}

static void act_terminate(struct sandbox *sandbox);

/*
 * A record whose process lives is a box to hold on to; else the epoch is over. So it is when other programs run there than
 * those that a new process of it would be: what they say to each other, and how secrets are boxed for it, may differ.
 */
static void
adopt_started(struct sandbox *sandbox, const struct record *record)
{
	struct why why = {0};

	sandbox->box_epoch = record->epoch;
	sandbox->pid = record->pid;
	if ((sandbox->pidfd = record_open(record)) < 0) {
		snprintf(sandbox->words, sizeof(sandbox->words), "the supervisor ended");
		sandbox_clear(sandbox, PHASE_ENDED);
		return;
	}
	sandbox->phase = PHASE_RUNNING;
	if (loop_add(sandbox->driver->loop, &sandbox->pid_watch, sandbox->pidfd, EPOLLIN, box_ended, sandbox, &why) !=
	    OK)
		log_failure("sandbox.watch", ERR_SYSTEM, &why);
	sandbox->outdated = record->release != BUS_RELEASE;
	if (sandbox->outdated)
		act_terminate(sandbox);
	else
		sandbox_reconcile(sandbox);
}

static void
adopt_again(void *self)
{
	sandbox_adopt(self);
}

bool
sandbox_being_made(int dir)
{
	auto_fd int fd = openat(dir, "making", O_RDONLY | O_NOFOLLOW | O_CLOEXEC);

	return fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK;
}

void
sandbox_adopt(struct sandbox *sandbox)
{
	auto_fd int dir = sandbox_dir(sandbox);
	struct record record;
	struct why why = {0};
	enum err r;

	if (dir >= 0 && sandbox_being_made(dir)) {
		sandbox->phase = PHASE_MAKING;
		loop_timer_set(sandbox->driver->loop, &sandbox->timer, LOCK_AGAIN_MS, adopt_again, sandbox);
		return;
	}
	if (dir < 0 || (r = record_read(dir, &record, &why)) == ERR_NOT_FOUND) {
		sandbox_is(sandbox, dir < 0 ? PHASE_NOTHING : PHASE_KEPT);
	} else if (r != OK) {
		log_failure("sandbox.record", r, &why);
		sandbox_is(sandbox, PHASE_KEPT);
	} else if (record.state == RECORD_FAILED) {
		sandbox->box_epoch = record.epoch;
		snprintf(sandbox->words, sizeof(sandbox->words), "%s", record.words);
		sandbox_is(sandbox, PHASE_FAILED);
	} else {
		adopt_started(sandbox, &record);
	}
}

void
sandbox_is(struct sandbox *sandbox, enum phase phase)
{
	sandbox->phase = phase;
	sandbox_reconcile(sandbox);
}

void
sandbox_failed(struct sandbox *sandbox, const struct why *why)
{
	auto_fd int dir = sandbox_dir(sandbox);
	struct record record = {.state = RECORD_FAILED, .epoch = sandbox->box_epoch};
	struct why unwritten = {0};

	log_warning(
	    "sandbox.failed", "sandbox=%s epoch=%u why=\"%s\"", id_text(sandbox->id), sandbox->box_epoch, why->text);
	snprintf(sandbox->words, sizeof(sandbox->words), "%s", why->text);
	snprintf(record.words, sizeof(record.words), "%s", why->text);
	if (dir >= 0 && record_write(dir, &record, &unwritten) != OK)
		log_failure("sandbox.record", ERR_SYSTEM, &unwritten);
	sandbox_clear(sandbox, PHASE_FAILED);
}

/* ---- steps ---- */

static void
act_wait(struct sandbox *sandbox)
{
	(void)sandbox;
}

static void
act_start(struct sandbox *sandbox)
{
	if (!sandbox->driver->leaving)
		start_begin(sandbox);
}

static void
patience_over(void *self)
{
	struct sandbox *sandbox = self;

	log_warning("sandbox.kill", "sandbox=%s epoch=%u", id_text(sandbox->id), sandbox->box_epoch);
	signal_send(sandbox, SIGKILL);
}

static void
act_terminate(struct sandbox *sandbox)
{
	sandbox->phase = PHASE_ENDING;
	signal_send(sandbox, SIGTERM);
	loop_timer_set(sandbox->driver->loop, &sandbox->timer, sandbox->driver->config.stop_ms, patience_over, sandbox);
}

static void
act_kill(struct sandbox *sandbox)
{
	sandbox->phase = PHASE_ENDING;
	signal_send(sandbox, SIGKILL);
}

/* Nobody asked for it: it was collected. */
static void
gone(struct sandbox *sandbox)
{
	bool asked = sandbox->listed;

	sandbox->phase = PHASE_NOTHING;
	uids_give(&sandbox->driver->uids, sandbox->id);
	log_info("sandbox.gone", "sandbox=%s", id_text(sandbox->id));
	if (asked)
		sandbox_reconcile(sandbox);
	else
		sandbox_free(sandbox);
}

static void
remove_more(void *self)
{
	struct sandbox *sandbox = self;
	struct driver *driver = sandbox->driver;
	struct why why = {0};
	enum err r = tree_remove(driver->boxes_dir, id_text(sandbox->id), REMOVE_AT_ONCE, &why);

	if (r == OK) {
		gone(sandbox);
		return;
	}
	if (r != ERR_MORE)
		log_failure("sandbox.remove", r, &why);
	loop_timer_set(driver->loop, &sandbox->timer, r == ERR_MORE ? 0 : REMOVE_AGAIN_MS, remove_more, sandbox);
}

static void
act_remove(struct sandbox *sandbox)
{
	sandbox->phase = PHASE_REMOVING;
	remove_more(sandbox);
}

static void
act_report_running(struct sandbox *sandbox)
{
	report_set(sandbox, OBSERVED_RUNNING, sandbox->epoch, "BoxRunning", "");
}

static void
act_report_ended(struct sandbox *sandbox)
{
	if (sandbox->want == WANT_STOPPED)
		report_set(sandbox, OBSERVED_ENDED, sandbox->epoch, "Stopped", "");
	else
		report_set(sandbox, OBSERVED_ENDED, sandbox->epoch, "SupervisorEnded", sandbox->words);
}

static void
act_report_failed(struct sandbox *sandbox)
{
	report_set(sandbox, OBSERVED_FAILED, sandbox->epoch, "BoxNotMade", sandbox->words);
}

static void
act_report_gone(struct sandbox *sandbox)
{
	report_set(sandbox, OBSERVED_GONE, sandbox->epoch, "Gone", "");
}

static enum have
have(const struct sandbox *sandbox)
{
	static const enum have by_phase[] = {
	    [PHASE_NOTHING] = HAVE_NOTHING,
	    [PHASE_KEPT] = HAVE_KEPT,
	    [PHASE_ASKING] = HAVE_CHANGING,
	    [PHASE_MAKING] = HAVE_CHANGING,
	    [PHASE_RUNNING] = HAVE_RUNNING,
	    [PHASE_ENDING] = HAVE_ENDING,
	    [PHASE_CLEARING] = HAVE_CHANGING,
	    [PHASE_ENDED] = HAVE_ENDED,
	    [PHASE_FAILED] = HAVE_FAILED,
	    [PHASE_REMOVING] = HAVE_CHANGING,
	};
	bool other = sandbox->box_epoch != sandbox->epoch;

	if (other && sandbox->phase == PHASE_RUNNING)
		return HAVE_OTHER;
	if (other && (sandbox->phase == PHASE_ENDED || sandbox->phase == PHASE_FAILED))
		return HAVE_KEPT;
	return by_phase[sandbox->phase];
}

void
sandbox_reconcile(struct sandbox *sandbox)
{
	static void (*const steps[ACTION_COUNT])(struct sandbox *) = {
	    [ACTION_WAIT] = act_wait,
	    [ACTION_START] = act_start,
	    [ACTION_TERMINATE] = act_terminate,
	    [ACTION_KILL] = act_kill,
	    [ACTION_REMOVE] = act_remove,
	    [ACTION_REPORT_RUNNING] = act_report_running,
	    [ACTION_REPORT_ENDED] = act_report_ended,
	    [ACTION_REPORT_FAILED] = act_report_failed,
	    [ACTION_REPORT_GONE] = act_report_gone,
	};
	struct driver *driver = sandbox->driver;

	if (driver->leaving && sandbox->phase == PHASE_RUNNING) {
		act_terminate(sandbox);
		return;
	}
	steps[reconcile(sandbox->want, have(sandbox))](sandbox);
}
