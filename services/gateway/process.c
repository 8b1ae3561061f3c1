/* Processes: start, readiness, death, backoff. */
#include "services/gateway/process.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "common/base/clean.h"
#include "common/base/clock.h"
#include "common/base/log.h"

#define ASK_EVERY_MS   10
#define BACKOFF_MAX_MS 800 /* and a start: back within a second, however often it is killed */

const char *
process_state_name(enum process_state state)
{
	static const char *const names[] = {"off", "starting", "running", "waiting", "stopping"};

	return names[state];
}

uint32_t
backoff_next(struct backoff *backoff, uint64_t ran_ms)
{
	if (ran_ms >= 30000 || !backoff->died_before) {
		*backoff = (struct backoff){.died_before = true};
		return 0;
	}
	if (ran_ms < 10000)
		backoff->delay_ms = backoff->delay_ms == 0		 ? 100
				    : backoff->delay_ms < BACKOFF_MAX_MS ? backoff->delay_ms * 2
									 : BACKOFF_MAX_MS;
	return backoff->delay_ms;
}

static void
state_set(struct process *process, enum process_state state)
{
	process->state = state;
	process->since_ms = clock_wall_ms();
	process->changed(process->self, process);
}

static void
ready_close(struct process *process)
{
	if (process->ready_fd <= 0)
		return;
	loop_remove(process->loop, &process->ready_watch);
	close(process->ready_fd);
	process->ready_fd = 0;
}

static void
is_up(struct process *process)
{
	loop_timer_stop(process->loop, &process->timer);
	loop_timer_stop(process->loop, &process->asking);
	process->keep = true;
	log_info("child.serving", "name=%s pid=%d after_ms=%llu", process->name, (int)process->child.pid,
	    (unsigned long long)(clock_ms() - process->started_ms));
	state_set(process, PROCESS_UP);
}

/*
 * "ready", "ready: but", or "failed: why". The pipe stays open for as long as the child lives: its other end tells the child when we
 * are gone.
 */
static void
ready_readable(void *self, uint32_t events)
{
	struct process *process = self;
	ssize_t n = read(
	    process->ready_fd, process->said + process->said_length, sizeof(process->said) - 1 - process->said_length);

	(void)events;
	if (n <= 0) {
		loop_remove(process->loop, &process->ready_watch);
		return;
	}
	process->said_length += (size_t)n;
	process->said[process->said_length] = '\0';
	if (strchr(process->said, '\n') == NULL && process->said_length < sizeof(process->said) - 1)
		return;
	loop_remove(process->loop, &process->ready_watch);
	if ((strncmp(process->said, "ready\n", 6) == 0 || strncmp(process->said, "ready: ", 7) == 0) &&
	    process->state == PROCESS_STARTING)
		is_up(process);
}

static void
ask(void *self)
{
	struct process *process = self;

	if (process->state != PROCESS_STARTING)
		return;
	if (process->serves(process->serves_self, process->child.pid))
		is_up(process);
	else
		loop_timer_set(process->loop, &process->asking, ASK_EVERY_MS, ask, process);
}

static void
kill_now(void *self)
{
	struct process *process = self;

	log_warning("child.kill", "name=%s pid=%d state=%s", process->name, (int)process->child.pid,
	    process_state_name(process->state));
	child_kill(&process->child, SIGKILL);
}

static void
start_again(void *self)
{
	struct process *process = self;

	process->restarts++;
	process_start(process);
}

/* It is not there (any more): off for good, or again after its delay. */
static void
is_gone(struct process *process)
{
	uint32_t delay_ms;

	ready_close(process);
	loop_timer_stop(process->loop, &process->timer);
	loop_timer_stop(process->loop, &process->asking);
	if (!process->keep || process->state == PROCESS_STOPPING) {
		state_set(process, PROCESS_OFF);
		return;
	}
	delay_ms = process->again ? 0 : backoff_next(&process->backoff, clock_ms() - process->started_ms);
	process->again = false;
	loop_timer_set(process->loop, &process->timer, delay_ms, start_again, process);
	state_set(process, PROCESS_WAITING);
}

static const char *
failed_words(const struct process *process)
{
	return strncmp(process->said, "failed: ", 8) == 0 ? process->said + 8 : "";
}

static void
ended(void *self, int status)
{
	struct process *process = self;
	char how[32];

	process->child.pidfd = -1;
	if (process->ready_fd > 0 && process->ready_watch.active)
		ready_readable(process, 0); /* its last words may still be in the pipe */
	process->said[strcspn(process->said, "\n")] = '\0';
	snprintf(how, sizeof(how), WIFSIGNALED(status) ? "signal=%d" : "code=%d",
	    WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
	if (process->state == PROCESS_STOPPING || process->again)
		log_info("child.ended", "name=%s pid=%d %s", process->name, (int)process->child.pid, how);
	else
		log_warning("child.died", "name=%s pid=%d %s why=\"%s\"", process->name, (int)process->child.pid, how,
		    log_quote(span_of_text(failed_words(process))));
	if (process->state == PROCESS_STARTING && process->said[0] == '\0' &&
	    clock_ms() - process->started_ms >= process->start_limit_ms)
		snprintf(process->said, sizeof(process->said),
		    "failed: it did not serve within %u seconds; the log says more", process->start_limit_ms / 1000);
	else if (process->state != PROCESS_STOPPING && process->said[0] == '\0')
		snprintf(process->said, sizeof(process->said), "failed: it ended with %s; the log says more", how);
	is_gone(process);
}

static enum err
launch(struct process *process, struct why *why)
{
	struct child_plan plan = process->plan;
	auto_fd int theirs = -1;
	int pipe_fds[2];
	enum err r;

	if (process->ready_number > 0) {
		if (pipe2(pipe_fds, O_CLOEXEC | O_NONBLOCK) < 0)
			return fail_errno(why, ERR_SYSTEM, "pipe");
		process->ready_fd = pipe_fds[0];
		theirs = pipe_fds[1];
		plan.fds[process->ready_number] = theirs;
		if ((r = loop_add(process->loop, &process->ready_watch, process->ready_fd, EPOLLIN, ready_readable,
			 process, why)) != OK)
			return r;
	}
	if ((r = child_start(&process->child, &plan, why)) != OK)
		return r;
	return child_watch(&process->child, process->loop, ended, process, why);
}

void
process_start(struct process *process)
{
	struct why why = {""};
	enum err r;

	process->said[0] = '\0';
	process->said_length = 0;
	process->started_ms = clock_ms();
	process->state = PROCESS_STARTING;
	process->child = (struct child){.pidfd = -1};
	if (process->prepare != NULL)
		process->prepare(process->serves_self);
	if ((r = launch(process, &why)) != OK) {
		log_failure("child.start", r, &why);
		snprintf(process->said, sizeof(process->said), "failed: %.380s", why.text);
		is_gone(process);
		return;
	}
	log_info(
	    "child.start", "name=%s pid=%d restarts=%u", process->name, (int)process->child.pid, process->restarts);
	loop_timer_set(process->loop, &process->timer, process->start_limit_ms, kill_now, process);
	if (process->serves != NULL)
		loop_timer_set(process->loop, &process->asking, 0, ask, process);
	state_set(process, PROCESS_STARTING);
}

void
process_stop(struct process *process, int number, uint32_t limit_ms)
{
	bool runs = process->state == PROCESS_STARTING || process->state == PROCESS_UP;

	loop_timer_stop(process->loop, &process->timer);
	if (!runs) {
		if (process->state == PROCESS_WAITING)
			process->state = PROCESS_OFF;
		return;
	}
	child_kill(&process->child, number == 0 ? process->stop_signal : number);
	loop_timer_set(process->loop, &process->timer, limit_ms, kill_now, process);
	state_set(process, PROCESS_STOPPING);
}

void
process_again(struct process *process, uint32_t limit_ms)
{
	if (!process->keep || (process->state != PROCESS_UP && process->state != PROCESS_STARTING))
		return;
	process->again = true;
	child_kill(&process->child, process->stop_signal);
	loop_timer_set(process->loop, &process->timer, limit_ms, kill_now, process);
}

void
process_end(struct process *process)
{
	if (process->loop == NULL)
		return;
	loop_timer_stop(process->loop, &process->timer);
	loop_timer_stop(process->loop, &process->asking);
	ready_close(process);
	if (process->state == PROCESS_OFF || process->state == PROCESS_WAITING || process->child.pidfd < 0)
		return;
	child_kill(&process->child, SIGKILL);
	child_wait(&process->child);
	process->state = PROCESS_OFF;
}
