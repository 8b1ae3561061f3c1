/* Commands: started as vfork does it (the parent sleeps until exec, no page is copied), reaped by SIGCHLD. */
#include "sandbox/supervisor/run.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "common/base/clean.h"
#include "common/os/child.h"
#include "sandbox/supervisor/tree.h"

#define STACK_BYTES	    (64u << 10)
#define KILL_AFTER_MS	    100
#define TIMEOUT_CODE	    124
#define PATH_DEFAULT	    "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#define CANDIDATES_MAX	    64
#define CANDIDATE_MAX_BYTES 4096

struct command {
	struct list link;
	struct runner *runner;
	uint64_t id;
	pid_t pid; /* also its process group and session */
	struct timer timer;
	struct tree *tree; /* once its time is up: what it had started */
};

/* What the child needs; it lives in the parent's memory and writes its failure there. */
struct launch {
	char **argv, **envp;
	char *files[CANDIDATES_MAX + 1]; /* to be tried in this order */
	const char *workdir;
	int fds[3];
	bool tty;
	volatile int error;
	const char *volatile step;
};

enum err
runner_init(
    struct runner *runner, struct loop *loop, void (*exited)(void *, uint64_t, uint16_t), void *self, struct why *why)
{
	*runner = (struct runner){.loop = loop, .exited = exited, .self = self};
	list_init(&runner->commands);
	runner->stack = mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
	if (runner->stack == MAP_FAILED)
		return fail_errno(why, ERR_SYSTEM, "stack");
	return OK;
}

/* ---- the child: shares memory with its parent, so it calls the kernel and touches nothing else ---- */

#if defined(__clang__) || defined(__GNUC__)
#define PLAIN __attribute__((no_sanitize("address", "undefined"), noinline))
#endif

static PLAIN int
launch_failed(struct launch *launch, const char *step)
{
	launch->error = errno;
	launch->step = step;
	_exit(127);
}

static PLAIN void
launch_exec(struct launch *launch)
{
	int error = ENOENT;

	for (size_t i = 0; launch->files[i] != NULL; i++) {
		execve(launch->files[i], launch->argv, launch->envp);
		if (errno == EACCES)
			error = EACCES;
		else if (errno != ENOENT && errno != ENOTDIR) {
			error = errno;
			break;
		}
	}
	errno = error;
}

static PLAIN int
launch_child(void *at)
{
	struct launch *launch = at;
	sigset_t none;

	if (setsid() < 0)
		return launch_failed(launch, "session");
	if (launch->tty && ioctl(launch->fds[0], TIOCSCTTY, 0) < 0)
		return launch_failed(launch, "terminal");
	for (int i = 0; i < 3; i++)
		if (dup2(launch->fds[i], i) < 0)
			return launch_failed(launch, "descriptors");
	if (close_range(3, ~0u, 0) < 0)
		return launch_failed(launch, "descriptors");
	if (chdir(launch->workdir) < 0)
		return launch_failed(launch, "workdir");
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	launch_exec(launch);
	return launch_failed(launch, "exec");
}

static pid_t
launch_go(struct runner *runner, struct launch *launch)
{
	char *top = (char *)runner->stack + STACK_BYTES;
	sigset_t all, before;
	pid_t pid;
	int error;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &before);
	pid = clone(launch_child, top, CLONE_VM | CLONE_VFORK | SIGCHLD, launch);
	error = errno;
	sigprocmask(SIG_SETMASK, &before, NULL);
	errno = error;
	return pid;
}

/* ---- before: arguments, files to try, terminal ---- */

static char **
strings(const struct span *list, size_t n, struct arena *arena)
{
	char **out = arena_array(arena, n + 1, sizeof(*out));

	for (size_t i = 0; out != NULL && i < n; i++)
		if ((out[i] = arena_text(arena, list[i])) == NULL)
			return NULL;
	return out;
}

/* As a shell looks for a command: a name with a slash is a path, others are looked up in the command's own PATH. */
static enum err
find_files(struct launch *launch, const struct msg_spawn *m, struct arena *arena, struct why *why)
{
	struct span path = span_of_text(PATH_DEFAULT), name = m->argv[0];
	size_t n = 0;

	texts_find(m->environment, m->environment_n, "PATH", &path);
	if (name.length == 0)
		return fail(why, ERR_INVALID, "the command is empty");
	if (memchr(name.at, '/', name.length) != NULL) {
		launch->files[0] = launch->argv[0];
		return OK;
	}
	while (path.length > 0 && n < CANDIDATES_MAX) {
		struct span directory = span_cut(&path, ':');

		if (directory.length == 0 || directory.length + name.length > CANDIDATE_MAX_BYTES)
			continue; /* an empty entry would be the working directory: nobody means that */
		launch->files[n] = arena_format(arena, "%.*s/%.*s", SPAN_ARGS(directory), SPAN_ARGS(name));
		if (launch->files[n++] == NULL)
			return fail(why, ERR_LIMIT, "too many arguments");
	}
	return OK;
}

static enum err
prepare(struct launch *launch, const struct msg_spawn *m, const int fds[3], struct arena *arena, struct why *why)
{
	if (m->argv_n == 0)
		return fail(why, ERR_INVALID, "there is no command");
	launch->argv = strings(m->argv, m->argv_n, arena);
	launch->envp = strings(m->environment, m->environment_n, arena);
	launch->workdir = arena_text(arena, m->workdir);
	if (launch->argv == NULL || launch->envp == NULL || launch->workdir == NULL)
		return fail(why, ERR_LIMIT, "too many arguments");
	for (int i = 0; i < 3; i++)
		launch->fds[i] = fds[i];
	launch->tty = m->tty;
	return find_files(launch, m, arena, why);
}

static enum err
terminal_open(const struct msg_spawn *m, int *master, int *slave, struct why *why)
{
	auto_fd int fd = open("/dev/pts/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);
	struct winsize size = {.ws_col = m->columns, .ws_row = m->rows};
	int unlock = 0;

	if (fd < 0 || ioctl(fd, TIOCSPTLCK, &unlock) < 0 ||
	    (*slave = ioctl(fd, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC)) < 0)
		return fail_errno(why, ERR_SYSTEM, "open a terminal");
	if (ioctl(*slave, TIOCSWINSZ, &size) < 0)
		return fail_errno(why, ERR_SYSTEM, "size of the terminal");
	*master = fd_take(&fd);
	return OK;
}

/* ---- time limit ---- */

static void
timed_out_again(void *self)
{
	struct command *command = self;

	tree_kill(command->tree, command->pid);
}

/* Who belongs to it is found before anyone is told: an orphan belongs to nobody. */
static void
timed_out(void *self)
{
	struct command *command = self;

	command->tree = tree_new(command->pid);
	tree_signal(command->tree, SIGTERM);
	loop_timer_set(command->runner->loop, &command->timer, KILL_AFTER_MS, timed_out_again, command);
}

/* ---- start, signal, end ---- */

static enum err
launch_error(const struct launch *launch, const struct msg_spawn *m, struct why *why)
{
	struct span name = span_head(m->argv[0], 200);

	errno = launch->error;
	if (strcmp(launch->step, "workdir") == 0)
		return fail_errno(why, errno == EACCES ? ERR_DENIED : ERR_NOT_FOUND, "working directory %.*s",
		    SPAN_ARGS(span_head(m->workdir, 200)));
	if (strcmp(launch->step, "exec") != 0)
		return fail_errno(why, ERR_SYSTEM, "start %.*s: %s", SPAN_ARGS(name), launch->step);
	switch (errno) {
	case ENOENT:
	case ENOTDIR:
		return fail(why, ERR_NOT_FOUND, "%.*s: command not found", SPAN_ARGS(name));
	case EACCES:
	case EPERM:
		return fail(why, ERR_DENIED, "%.*s: permission denied", SPAN_ARGS(name));
	case ENOEXEC:
		return fail(why, ERR_INVALID, "%.*s: not a program that this system can run", SPAN_ARGS(name));
	case E2BIG:
		return fail(why, ERR_LIMIT, "%.*s: the arguments are too long", SPAN_ARGS(name));
	default:
		return fail_errno(why, ERR_SYSTEM, "%.*s", SPAN_ARGS(name));
	}
}

static struct command *
command_find(struct runner *runner, uint64_t id)
{
	struct command *command;

	list_each(command, &runner->commands, struct command, link)
		if (command->id == id)
			return command;
	return NULL;
}

static void
command_new(struct runner *runner, const struct msg_spawn *m, pid_t pid)
{
	struct command *command = calloc(1, sizeof(*command));

	if (command == NULL)
		abort();
	command->runner = runner;
	command->id = m->command_id;
	command->pid = pid;
	list_append(&runner->commands, &command->link);
	if (m->timeout_ms > 0)
		loop_timer_set(runner->loop, &command->timer, m->timeout_ms, timed_out, command);
}

enum err
run_start(struct runner *runner, const struct msg_spawn *m, const int fds[3], struct arena *arena, pid_t *pid,
    int *master, struct why *why)
{
	struct launch launch = {0};
	auto_fd int terminal = -1;
	auto_fd int slave = -1;
	enum err r;

	*master = -1;
	if (command_find(runner, m->command_id) != NULL)
		return fail(why, ERR_EXISTS, "there is a command %llu", (unsigned long long)m->command_id);
	if ((r = prepare(&launch, m, fds, arena, why)) != OK ||
	    (m->tty && (r = terminal_open(m, &terminal, &slave, why)) != OK))
		return r;
	for (int i = 0; m->tty && i < 3; i++)
		launch.fds[i] = slave;
	if ((*pid = launch_go(runner, &launch)) < 0)
		return fail_errno(
		    why, errno == EAGAIN ? ERR_LIMIT : ERR_SYSTEM, "the sandbox has no room for a process");
	if (launch.error != 0) {
		waitpid(*pid, NULL, 0);
		return launch_error(&launch, m, why);
	}
	command_new(runner, m, *pid);
	*master = fd_take(&terminal);
	return OK;
}

static void
kill_all(struct command *command)
{
	struct tree *tree = tree_new(command->pid);

	tree_kill(tree, command->pid);
	tree_free(tree);
}

enum err
run_signal(struct runner *runner, uint64_t command_id, int number, struct why *why)
{
	struct command *command = command_find(runner, command_id);

	if (command == NULL)
		return fail(why, ERR_NOT_FOUND, "command %llu has ended", (unsigned long long)command_id);
	if (number == SIGKILL)
		kill_all(command);
	else if (kill(-command->pid, number) < 0)
		return fail_errno(why, ERR_SYSTEM, "signal %d", number);
	return OK;
}

static void
command_ended(struct command *command, int status)
{
	struct runner *runner = command->runner;
	uint16_t code = command->tree != NULL ? TIMEOUT_CODE : (uint16_t)child_exit_code(status);
	uint64_t id = command->id;

	if (command->tree != NULL)
		tree_kill(command->tree, command->pid);
	tree_free(command->tree);
	loop_timer_stop(runner->loop, &command->timer);
	list_remove(&command->link);
	free(command);
	runner->exited(runner->self, id, code);
}

static struct command *
command_of(struct runner *runner, pid_t pid)
{
	struct command *command;

	list_each(command, &runner->commands, struct command, link)
		if (command->pid == pid)
			return command;
	return NULL;
}

void
run_reap(struct runner *runner)
{
	struct command *command;
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		if ((command = command_of(runner, pid)) != NULL)
			command_ended(command, status);
}
