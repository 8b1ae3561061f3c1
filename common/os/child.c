/* Child processes. */
#include "common/os/child.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/clean.h"
#include "common/os/namespaces.h"

/* What the child tells its parent when it could not become the program. */
struct report {
	int error;
	char step[32];
};

static void __attribute__((noreturn)) give_up(int report_fd, const char *step)
{
	struct report report = {.error = errno};

	strncpy(report.step, step, sizeof(report.step) - 1);
	if (write(report_fd, &report, sizeof(report)) < 0)
		_exit(126);
	_exit(127);
}

/* Put the planned descriptors in place: first all above the range, then down into it, so that none is overwritten. */
static void
place_fds(const struct child_plan *plan, int *report_fd, int *exec_fd)
{
	int at[CHILD_FDS_MAX], low = CHILD_FDS_MAX + 2;

	if ((*report_fd = fcntl(*report_fd, F_DUPFD_CLOEXEC, low)) < 0)
		_exit(126);
	if (*exec_fd > 0 && (*exec_fd = fcntl(*exec_fd, F_DUPFD_CLOEXEC, low)) < 0)
		give_up(*report_fd, "dup");
	for (size_t i = 0; i < CHILD_FDS_MAX; i++) {
		int from = i < plan->fds_count ? plan->fds[i] : -1;

		if (from < 0 && i <= STDERR_FILENO)
			at[i] = open("/dev/null", O_RDWR | O_CLOEXEC);
		else
			at[i] = from < 0 ? -1 : fcntl(from, F_DUPFD_CLOEXEC, low);
		if (at[i] < 0 && from >= 0)
			give_up(*report_fd, "dup");
		if (at[i] >= 0 && at[i] < low)
			at[i] = fcntl(at[i], F_DUPFD_CLOEXEC, low);
	}
	for (int i = 0; i < CHILD_FDS_MAX; i++)
		if (at[i] < 0)
			close(i);
		else if (dup2(at[i], i) < 0)
			give_up(*report_fd, "dup2");
	/* report_fd and exec_fd are the only ones above; everything else goes. */
	for (int fd = CHILD_FDS_MAX; fd < low; fd++)
		close(fd);
	if (syscall(SYS_close_range, low, ~0U, 4 /* CLOSE_RANGE_CLOEXEC */) < 0)
		give_up(*report_fd, "close_range");
}

static void __attribute__((noreturn)) become(const struct child_plan *plan, int report_fd)
{
	static const char *const no_environment[] = {NULL};
	const char *const *envp = plan->envp == NULL ? no_environment : plan->envp;
	int exec_fd = plan->exec_fd;
	sigset_t none;

	for (int i = 1; i < 65; i++)
		signal(i, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (plan->die_with_parent && prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
		give_up(report_fd, "PR_SET_PDEATHSIG");
	if (plan->new_session)
		setsid();
	place_fds(plan, &report_fd, &exec_fd);
	if (plan->set_ids && (setgroups(0, NULL) < 0 || setresgid(plan->gid, plan->gid, plan->gid) < 0 ||
				 setresuid(plan->uid, plan->uid, plan->uid) < 0))
		give_up(report_fd, "set ids");
	if (plan->set_ids && plan->die_with_parent && prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
		give_up(report_fd, "PR_SET_PDEATHSIG");
	if (exec_fd > 0)
		syscall(SYS_execveat, exec_fd, "", plan->argv, envp, AT_EMPTY_PATH);
	else
		execve(plan->path, (char *const *)plan->argv, (char *const *)envp);
	give_up(report_fd, "exec");
}

/* clone, not clone3: a jail lets through only what it can look at, and clone3 hides its flags behind a pointer. */
static pid_t
clone_child(unsigned long flags, int *pidfd)
{
	return (pid_t)syscall(SYS_clone, flags | CLONE_PIDFD | SIGCHLD, NULL, pidfd, NULL, NULL);
}

enum err
child_start(struct child *out, const struct child_plan *plan, struct why *why)
{
	auto_fd int read_fd = -1;
	auto_fd int write_fd = -1;
	struct report report;
	sigset_t all, before;
	int pipe_fds[2], pidfd = -1;
	ssize_t n;
	pid_t pid;

	if (pipe2(pipe_fds, O_CLOEXEC) < 0)
		return fail_errno(why, ERR_SYSTEM, "pipe");
	read_fd = pipe_fds[0];
	write_fd = pipe_fds[1];
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &before);
	pid = clone_child(plan->clone_flags, &pidfd);
	if (pid == 0)
		become(plan, write_fd);
	sigprocmask(SIG_SETMASK, &before, NULL);
	if (pid < 0 && plan->clone_flags != 0)
		return namespaces_failed(why, plan->clone_flags, plan->path);
	if (pid < 0)
		return fail_errno(why, ERR_SYSTEM, "start %s: clone", plan->path);
	close(fd_take(&write_fd));
	do
		n = read(read_fd, &report, sizeof(report));
	while (n < 0 && errno == EINTR);
	if (n == sizeof(report)) {
		waitpid(pid, NULL, 0);
		close(pidfd);
		errno = report.error;
		report.step[sizeof(report.step) - 1] = '\0';
		return fail_errno(why, ERR_SYSTEM, "start %s: %s", plan->path, report.step);
	}
	*out = (struct child){.pid = pid, .pidfd = pidfd};
	return OK;
}

static void
child_ready(void *self, uint32_t events)
{
	struct child *child = self;
	void (*ended)(void *, int) = child->ended;
	int status;

	(void)events;
	if (waitpid(child->pid, &status, WNOHANG) != child->pid)
		return;
	loop_remove(child->loop, &child->watch);
	close(child->pidfd);
	child->pidfd = -1;
	ended(child->self, status);
}

enum err
child_watch(struct child *child, struct loop *loop, void (*ended)(void *self, int status), void *self, struct why *why)
{
	child->loop = loop;
	child->ended = ended;
	child->self = self;
	return loop_add(loop, &child->watch, child->pidfd, EPOLLIN, child_ready, child, why);
}

bool
child_kill(const struct child *child, int number)
{
	return child->pidfd >= 0 && syscall(SYS_pidfd_send_signal, child->pidfd, number, NULL, 0) == 0;
}

int
child_wait(struct child *child)
{
	int status = 0;

	while (waitpid(child->pid, &status, 0) < 0 && errno == EINTR)
		continue;
	child_done(child);
	return status;
}

void
child_done(struct child *child)
{
	if (child->pidfd < 0)
		return;
	if (child->loop != NULL)
		loop_remove(child->loop, &child->watch);
	close(child->pidfd);
	child->pidfd = -1;
}

int
child_exit_code(int status)
{
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}
