/*
 * Ways out that the probe does not try: each is possible somewhere outside, and must be refused inside.
 *
 * usage: escape NAME [ARGUMENT]
 * exit   0 it was possible, 1 it was refused (prints the error), 2 no such way
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/ptrace.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SHARED_KEY 0x05ec

/* Each answers 0 when it could, -1 with errno when not. */

static int
refused(int error)
{
	errno = error;
	return -1;
}

static int
number(const char *text)
{
	return (int)strtol(text, NULL, 0);
}

/* ---- sockets ---- */

static int
family(const char *which)
{
	return socket(number(which), SOCK_DGRAM, 0) < 0 && socket(number(which), SOCK_SEQPACKET, 0) < 0 &&
		       socket(number(which), SOCK_RAW, 0) < 0
		   ? -1
		   : 0;
}

static int
netlink(const char *protocol)
{
	return socket(AF_NETLINK, SOCK_RAW, number(protocol)) < 0 ? -1 : 0;
}

/* ---- terminals ---- */

static int
terminal(void)
{
	int fd = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC), unlock = 0;

	return fd < 0 || ioctl(fd, TIOCSPTLCK, &unlock) < 0 ? -1 : ioctl(fd, TIOCGPTPEER, O_RDWR | O_NOCTTY);
}

static int
line_discipline(const char *unused)
{
	int discipline = 0, fd = terminal();

	(void)unused;
	return fd < 0 ? -1 : ioctl(fd, TIOCSETD, &discipline);
}

static int
terminals(const char *count)
{
	for (int i = number(count); i > 0; i--)
		if (open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC) < 0)
			return -1;
	return 0;
}

/* ---- other processes ---- */

static int
namespace_of(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	return fd < 0 ? -1 : setns(fd, 0);
}

/* A child of ours, so that nothing but the call itself can be what is refused. */
static pid_t
child(void)
{
	pid_t pid = fork();

	if (pid == 0)
		for (;;)
			pause();
	return pid;
}

static int
read_memory(const char *unused)
{
	static char there[8], here[8];
	struct iovec from = {there, sizeof(there)}, to = {here, sizeof(here)};
	pid_t pid = child();
	ssize_t n = process_vm_readv(pid, &to, 1, &from, 1, 0);
	int error = errno;

	(void)unused;
	kill(pid, SIGKILL);
	errno = error;
	return n < 0 ? -1 : 0;
}

static int
seize(const char *unused)
{
	pid_t pid = child();
	int r = (int)ptrace(PTRACE_SEIZE, pid, NULL, NULL), error = errno;

	(void)unused;
	kill(pid, SIGKILL);
	errno = error;
	return r;
}

/* By kill, to whomever it reaches: only to be told that there is nobody. */
static int
see_process(const char *pid)
{
	return kill((pid_t)number(pid), 0) == 0 || errno == EPERM ? 0 : -1;
}

/* The kernel signals the owner of a descriptor for us; whether that ended it is for others to see. */
static int
signal_by_descriptor(const char *which)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0 || fcntl(pair[0], F_SETOWN, 1) < 0 ||
	    fcntl(pair[0], F_SETSIG, number(which)) < 0 || fcntl(pair[0], F_SETFL, O_ASYNC | O_NONBLOCK) < 0)
		return -1;
	return write(pair[1], "x", 1) == 1 ? 0 : -1;
}

/* Stop whoever comes next, before it has become anything; 0 when it hit one. */
static int
stop_next(const char *seconds)
{
	time_t end = time(NULL) + number(seconds);
	pid_t next = fork();

	if (next == 0)
		_exit(0);
	waitpid(next, NULL, 0);
	while (time(NULL) < end)
		for (pid_t pid = next + 1; pid < next + 4; pid++)
			if (kill(pid, SIGSTOP) == 0)
				return 0;
	return refused(ESRCH);
}

static int
io_priority_of_user(const char *unused)
{
	(void)unused;
	return (int)syscall(SYS_ioprio_set, 3 /* IOPRIO_WHO_USER */, getuid(), 2 << 13 | 4);
}

static int
shared_memory(const char *unused)
{
	(void)unused;
	return shmget(SHARED_KEY, 1, 0) < 0 ? -1 : 0;
}

static int
make_shared_memory(const char *unused)
{
	(void)unused;
	return shmget(SHARED_KEY, 4096, IPC_CREAT | 0666) < 0 ? -1 : 0;
}

static int
remove_shared_memory(const char *unused)
{
	(void)unused;
	return shmctl(shmget(SHARED_KEY, 1, 0), IPC_RMID, NULL);
}

/* ---- files and programs ---- */

static int
cut_file(const char *path)
{
	return truncate(path, 0);
}

static int
make_link(const char *path)
{
	char name[64];

	snprintf(name, sizeof(name), "/tmp/.escape-%d", (int)getpid());
	return link(path, name) < 0 ? -1 : unlink(name);
}

static int
move_file(const char *path)
{
	char name[4096];

	snprintf(name, sizeof(name), "%s.moved", path);
	return rename(path, name) < 0 ? -1 : rename(name, path);
}

static int
change_mode(const char *path)
{
	return chmod(path, 04755);
}

/* A program that has no path: opened, removed, run by its descriptor. */
static int
run_nameless(const char *unused)
{
	char *const argv[] = {(char[]){"true"}, NULL}, *const envp[] = {NULL};
	int fd = open("/bin/true", O_RDONLY), status;
	pid_t pid = fork();

	(void)unused;
	if (pid == 0) {
		syscall(SYS_execveat, fd, "", argv, envp, AT_EMPTY_PATH);
		_exit(errno);
	}
	waitpid(pid, &status, 0);
	return status == 0 ? 0 : refused(WEXITSTATUS(status));
}

static int
by_handle(const char *path)
{
	struct {
		struct file_handle head;
		unsigned char bytes[128];
	} handle = {.head = {.handle_bytes = sizeof(handle.bytes)}};
	int id, fd = open("/", O_RDONLY | O_CLOEXEC);

	if (name_to_handle_at(AT_FDCWD, path, &handle.head, &id, 0) < 0)
		return -1;
	return open_by_handle_at(fd, &handle.head, O_RDONLY) < 0 ? -1 : 0;
}

/* ---- the kernel ---- */

/* x86's third numbering: bit 30 set. Where the kernel has none it is ENOSYS outside, too. */
static int
x32(const char *unused)
{
	pid_t pid = fork();
	int status;

	(void)unused;
	if (pid == 0)
		_exit(syscall(0x40000000 + SYS_getpid) > 0 ? 0 : 1);
	waitpid(pid, &status, 0);
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : refused(ENOSYS);
}

static int
new_namespace(const char *flags)
{
	return unshare(number(flags));
}

static const struct {
	const char *name;
	int (*try)(const char *argument);
	const char *what;
} ways[] = {
    {"family", family, "NUMBER: open a socket of it"},
    {"netlink", netlink, "NUMBER: open a netlink socket of this protocol"},
    {"line-discipline", line_discipline, "set the driver behind a terminal"},
    {"terminals", terminals, "COUNT: open so many terminals"},
    {"setns", namespace_of, "PATH: enter a namespace"},
    {"read-memory", read_memory, "read another process's memory"},
    {"seize", seize, "trace another process"},
    {"see", see_process, "PID: learn that it is there"},
    {"async", signal_by_descriptor, "SIGNAL: have process 1 signalled by a descriptor"},
    {"stop-next", stop_next, "SECONDS: stop a process before it begins"},
    {"io-priority", io_priority_of_user, "set the I/O priority of a whole user"},
    {"shm", shared_memory, "find shared memory by its key"},
    {"shm-make", make_shared_memory, "make it"},
    {"shm-remove", remove_shared_memory, "remove it"},
    {"truncate", cut_file, "PATH: empty a file"},
    {"link", make_link, "PATH: give it a second name"},
    {"move", move_file, "PATH: rename it"},
    {"mode", change_mode, "PATH: make it setuid"},
    {"nameless", run_nameless, "run a program by its descriptor"},
    {"handle", by_handle, "PATH: open it past all directories"},
    {"x32", x32, "call the kernel by x32 numbers"},
    {"unshare", new_namespace, "FLAGS: make namespaces"},
};

int
main(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : "";

	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		if (strcmp(ways[i].name, name) != 0)
			continue;
		if (ways[i].try(argc > 2 ? argv[2] : "") == 0) {
			printf("possible\n");
			return 0;
		}
		printf("refused: %s\n", strerror(errno));
		return 1;
	}
	fprintf(stderr, "usage: escape NAME [ARGUMENT]; exit 0 possible, 1 refused\n");
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++)
		fprintf(stderr, "  %-15s %s\n", ways[i].name, ways[i].what);
	return 2;
}
