/* Start: run ourselves in a session of its own, and repeat what it tells on a pipe. */
#include "services/gateway/start.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/clean.h"
#include "common/base/clock.h"
#include "common/base/text.h"
#include "common/os/child.h"
#include "services/gateway/file.h"
#include "services/gateway/lock.h"

#define PROGRESS_FD   3
#define LOG_MAX_BYTES (16 << 20)

extern char **environ;

/* What is read from the daemon, and what of it is on the screen. */
struct view {
	bool terminal;
	char step[WHY_BYTES];
	uint64_t since_ms;
	bool ready, failed, interrupted;
	char words[WHY_BYTES];
};

static void
view_draw(const struct view *view)
{
	uint64_t seconds = (clock_ms() - view->since_ms) / 1000;

	if (!view->terminal)
		return;
	fprintf(stderr, "\r\033[K");
	if (view->step[0] != '\0' && !view->ready && !view->failed) {
		fprintf(stderr, "%s", view->step);
		if (seconds > 0)
			fprintf(stderr, " (%llu s)", (unsigned long long)seconds);
	}
}

static void
view_line(struct view *view, const char *line)
{
	if (strncmp(line, "step ", 5) == 0) {
		snprintf(view->step, sizeof(view->step), "%.500s", line + 5);
		view->since_ms = clock_ms();
	} else if (strncmp(line, "note ", 5) == 0) {
		view_draw(&(struct view){.terminal = view->terminal});
		fprintf(stderr, "Note: %s\n", line + 5);
	} else if (strncmp(line, "ready", 5) == 0) {
		view->ready = true;
	} else if (strncmp(line, "failed ", 7) == 0) {
		view->failed = true;
		snprintf(view->words, sizeof(view->words), "%.500s", line + 7);
	}
	view_draw(view);
}

/* Until the daemon serves, has failed, or is gone, or until we are interrupted. */
static void
view_follow(struct view *view, int fd, int signals)
{
	struct pollfd ready[] = {{.fd = fd, .events = POLLIN}, {.fd = signals, .events = POLLIN}};
	char buffer[2048];
	size_t used = 0;
	ssize_t n;

	while (!view->ready && !view->failed) {
		char *end;

		if (poll(ready, COUNT(ready), view->terminal ? 1000 : -1) == 0) {
			view_draw(view);
			continue;
		}
		if ((view->interrupted = (ready[1].revents & POLLIN) != 0))
			return;
		if ((n = read(fd, buffer + used, sizeof(buffer) - 1 - used)) <= 0)
			return;
		used += (size_t)n;
		buffer[used] = '\0';
		while ((end = strchr(buffer, '\n')) != NULL) {
			*end = '\0';
			view_line(view, buffer);
			used -= (size_t)(end + 1 - buffer);
			memmove(buffer, end + 1, used + 1);
		}
		if (used == sizeof(buffer) - 1)
			used = 0;
	}
}

/* A big one is put aside at a start, so that two hold at most what is allowed and what one run writes. */
static enum err
log_file_open(const struct config *config, int *out, struct why *why)
{
	const char *path = data_path(config, "gateway.log");
	struct stat st;

	if (stat(path, &st) == 0 && st.st_size > LOG_MAX_BYTES)
		(void)!rename(path, data_path(config, "gateway.log.1"));
	if ((*out = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600)) < 0)
		return fail_errno(why, ERR_SYSTEM, "open %s", path);
	return OK;
}

static enum err
daemon_spawn(const struct config *config, int argc, char **argv, int progress_fd, struct child *child, struct why *why)
{
	auto_free const char **words = calloc((size_t)argc + 4, sizeof(char *));
	auto_fd int log_fd = -1;
	struct child_plan plan = {.path = "/proc/self/exe",
	    .argv = words,
	    .envp = (const char *const *)environ,
	    .fds_count = PROGRESS_FD + 1,
	    .new_session = true};
	enum err r;

	if (words == NULL)
		abort();
	if ((r = log_file_open(config, &log_fd, why)) != OK)
		return r;
	for (int i = 0; i < argc; i++)
		words[i] = argv[i];
	words[argc] = "--foreground";
	words[argc + 1] = "--progress-fd";
	words[argc + 2] = "3";
	plan.fds[0] = -1;
	plan.fds[1] = plan.fds[2] = log_fd;
	plan.fds[PROGRESS_FD] = progress_fd;
	return child_start(child, &plan, why);
}

/* Ctrl-C and kill, as a descriptor; the daemon begins with none of them held back. */
static enum err
interrupts_open(int *out, struct why *why)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	if ((*out = signalfd(-1, &set, SFD_CLOEXEC)) < 0)
		return fail_errno(why, ERR_SYSTEM, "signalfd");
	return OK;
}

static enum err
already_running(const struct config *config, struct why *why)
{
	pid_t pid;
	enum err r = lock_holder(config, &pid, why);

	if (r == OK && pid != 0)
		return fail(why, ERR_EXISTS, "a gateway is already running with the data directory %s (pid %d)",
		    config->data_dir, (int)pid);
	return r;
}

enum err
start_daemon(const struct config *config, int argc, char **argv, struct why *why)
{
	struct view view = {.terminal = isatty(STDERR_FILENO), .since_ms = clock_ms()};
	auto_fd int ours = -1;
	auto_fd int theirs = -1;
	auto_fd int signals = -1;
	struct child child;
	char endpoint[96];
	int pipe_fds[2];
	enum err r;

	if ((r = already_running(config, why)) != OK)
		return r;
	if ((r = dir_make(config->data_dir, 0700, why)) != OK)
		return because(why, r, "data_dir");
	if (pipe2(pipe_fds, O_CLOEXEC) < 0)
		return fail_errno(why, ERR_SYSTEM, "pipe");
	ours = pipe_fds[0];
	theirs = pipe_fds[1];
	if ((r = interrupts_open(&signals, why)) != OK)
		return r;
	if ((r = daemon_spawn(config, argc, argv, theirs, &child, why)) != OK)
		return r;
	close(fd_take(&theirs));
	view_follow(&view, ours, signals);
	if (view.ready) {
		config_endpoint(config, endpoint, sizeof(endpoint));
		printf("The gateway is running at %s (pid %d).\n", endpoint, (int)child.pid);
		return OK;
	}
	if (view.interrupted) {
		view_draw(&(struct view){.terminal = view.terminal});
		child_kill(&child, SIGTERM);
	}
	child_wait(&child);
	if (view.interrupted)
		return fail(why, ERR_CANCELLED, "interrupted: the gateway that was starting has ended");
	if (view.failed)
		return fail(why, ERR_UNAVAILABLE, "%s", view.words);
	return fail(
	    why, ERR_UNAVAILABLE, "the gateway ended before it served; %s says more", data_path(config, "gateway.log"));
}
