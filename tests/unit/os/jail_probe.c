/* Goes into the jail that its arguments describe and says, one line each, what still can be done from there. */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <net/if.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "common/base/clean.h"
#include "common/base/text.h"
#include "common/os/jail.h"

#define NOAPPEND 0x20 /* RWF_NOAPPEND, which not every libc has */

#define STATUS_FD 3

static int
probe_open(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC, 0600);

	if (fd < 0)
		return errno;
	close(fd);
	return 0;
}

static int
probe_socket(int domain)
{
	int fd = socket(domain, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return errno;
	close(fd);
	return 0;
}

static int
list_root(void)
{
	return probe_open("/", O_RDONLY | O_DIRECTORY);
}

static int
read_passwd(void)
{
	return probe_open("/etc/passwd", O_RDONLY);
}

static int
read_file(void)
{
	return probe_open("/r/file", O_RDONLY);
}

static int
write_read_only(void)
{
	return probe_open("/r/made", O_WRONLY | O_CREAT);
}

static int
write_file(void)
{
	return probe_open("/w/made", O_WRONLY | O_CREAT);
}

static int
write_root(void)
{
	return probe_open("/made", O_WRONLY | O_CREAT);
}

static int
socket_inet(void)
{
	return probe_socket(AF_INET);
}

static int
socket_unix(void)
{
	return probe_socket(AF_UNIX);
}

static int
socket_netlink(void)
{
	return probe_socket(AF_NETLINK);
}

static int
do_fork(void)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	if (pid < 0)
		return errno;
	waitpid(pid, NULL, 0);
	return 0;
}

static int
do_exec(void)
{
	execve("/nothing", (char *[]){NULL}, (char *[]){NULL});
	return errno;
}

static void *
nothing(void *argument)
{
	return argument;
}

static int
do_thread(void)
{
	pthread_t thread;
	int r = pthread_create(&thread, NULL, nothing, NULL);

	return r != 0 ? r : pthread_join(thread, NULL);
}

static int
do_clone3(void)
{
	return syscall(SYS_clone3, NULL, 0) < 0 ? errno : 0;
}

static int
kill_parent(void)
{
	return kill(getppid(), 0) < 0 ? errno : 0;
}

static int
kill_self(void)
{
	return kill(getpid(), 0) < 0 ? errno : 0;
}

static int
new_user_namespace(void)
{
	return unshare(CLONE_NEWUSER) < 0 ? errno : 0;
}

static int
do_mount(void)
{
	return mount("none", "/", "tmpfs", 0, NULL) < 0 ? errno : 0;
}

static int
do_ptrace(void)
{
	return ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0 ? errno : 0;
}

static int
become_root(void)
{
	return setuid(0) < 0 ? errno : 0;
}

static int
leave_root(void)
{
	return chroot(".") < 0 ? errno : 0;
}

static int
run_memory(void)
{
	void *at = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return at == MAP_FAILED ? errno : 0;
}

/* Is there a way to read a file from a place of choice? */
static int
seek(void)
{
	int fd = memfd_create("probe", 0), to = memfd_create("other", 0), ends[2];
	struct iovec part = {.iov_base = (char[1]){0}, .iov_len = 1};
	off_t at = 1, there = 1;

	if (fd < 0 || to < 0 || pipe(ends) < 0 || write(fd, "bytes", 5) != 5)
		return EBADF;
	return lseek(fd, 1, SEEK_SET) == 1 || pread(fd, part.iov_base, 1, 1) == 1 || preadv(fd, &part, 1, 1) == 1 ||
		       preadv2(fd, &part, 1, 1, 0) == 1 || sendfile(to, fd, &at, 1) == 1 ||
		       copy_file_range(fd, &at, to, &there, 1, 0) == 1 || splice(fd, &at, ends[1], NULL, 1, 0) == 1
		   ? 0
		   : errno;
}

/* Is there a way to make a file shorter, or to write it elsewhere than at its end? */
static int
cut(void)
{
	struct iovec part = {.iov_base = (char[1]){0}, .iov_len = 1};
	int fd = memfd_create("probe", 0);

	if (fd < 0 || write(fd, "bytes", 5) != 5)
		return EBADF;
	return pwritev2(fd, &part, 1, 1, NOAPPEND) == 1 || ftruncate(fd, 0) == 0 ||
		       fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 1) == 0 ||
		       fcntl(fd, F_SETFL, 0) == 0
		   ? 0
		   : errno;
}

static int
load_module(void)
{
	return syscall(SYS_finit_module, -1, "", 0) < 0 ? errno : 0;
}

static int
io_uring(void)
{
	return syscall(SYS_io_uring_setup, 1, NULL) < 0 ? errno : 0;
}

static int
terminal(void)
{
	const struct winsize size = {0};

	return ioctl(STDIN_FILENO, TIOCSWINSZ, &size) < 0 ? errno : 0;
}

static int
type(void)
{
	return ioctl(STDIN_FILENO, TIOCSTI, "x") < 0 ? errno : 0;
}

static int
descriptor_left(void)
{
	return fcntl(9, F_GETFD) < 0 ? errno : 0;
}

static const struct {
	const char *name;
	int (*probe)(void); /* 0 or errno */
} probes[] = {
    {"list_root", list_root},
    {"read_passwd", read_passwd},
    {"read_file", read_file},
    {"write_read_only", write_read_only},
    {"write_file", write_file},
    {"write_root", write_root},
    {"socket_inet", socket_inet},
    {"socket_unix", socket_unix},
    {"socket_netlink", socket_netlink},
    {"fork", do_fork},
    {"exec", do_exec},
    {"thread", do_thread},
    {"clone3", do_clone3},
    {"kill_parent", kill_parent},
    {"kill_self", kill_self},
    {"mount", do_mount},
    {"ptrace", do_ptrace},
    {"become_root", become_root},
    {"leave_root", leave_root},
    {"run_memory", run_memory},
    {"load_module", load_module},
    {"io_uring", io_uring},
    {"terminal", terminal},
    {"type", type},
    {"seek", seek},
    {"cut", cut},
    {"descriptor_left", descriptor_left},
    {"new_user_namespace", new_user_namespace},
};

static void
status_print(void)
{
	char text[8192];
	ssize_t n = pread(STATUS_FD, text, sizeof(text) - 1, 0);
	char *line, *rest = text;

	text[n > 0 ? n : 0] = '\0';
	while ((line = strsep(&rest, "\n")) != NULL)
		if (strncmp(line, "Cap", 3) == 0 || strncmp(line, "NoNew", 5) == 0 ||
		    strncmp(line, "Seccomp:", 8) == 0 || strncmp(line, "Uid", 3) == 0 || strncmp(line, "Gid", 3) == 0 ||
		    strncmp(line, "Groups", 6) == 0)
			printf("%s\n", line);
}

static void
argument(struct jail *jail, const char *text)
{
	static const char *paths[4];
	static size_t n;
	const char *value = strchr(text, '=') + 1;

	if (strncmp(text, "uid=", 4) == 0)
		jail->uid = jail->gid = (uid_t)strtoul(value, NULL, 10);
	else if (strncmp(text, "root=", 5) == 0)
		jail->root = value;
	else if (strncmp(text, "caps=", 5) == 0)
		jail->capabilities = strtoull(value, NULL, 16);
	else if (strncmp(text, "promises=", 9) == 0)
		jail->promises = (uint32_t)strtoul(value, NULL, 16);
	else if (strncmp(text, "files=", 6) == 0)
		jail->files_max = (uint32_t)strtoul(value, NULL, 10);
	else if (strncmp(text, "landlock=", 9) == 0)
		jail->no_landlock = true;
	else if (strncmp(text, "read=", 5) == 0)
		jail->read_paths = (paths[n] = value, &paths[n += 2, n - 2]);
	else if (strncmp(text, "write=", 6) == 0)
		jail->write_paths = (paths[n] = value, &paths[n += 2, n - 2]);
}

int
main(int argc, char **argv)
{
	struct jail jail = {.process = "probe", .keep_from = STATUS_FD, .keep_to = STATUS_FD};
	struct why why = {0};
	int fd = open("/proc/self/status", O_RDONLY);

	for (int i = 1; i < argc; i++)
		argument(&jail, argv[i]);
	if (fd != STATUS_FD || dup2(fd, 9) < 0)
		return 2;
	if (jail_enter(&jail, &why) != OK) {
		printf("refused %s\n", why.text);
		return 1;
	}
	status_print();
	for (size_t i = 0; i < COUNT(probes); i++) {
		int r = probes[i].probe();

		printf("%s=%s\n", probes[i].name, r == 0 ? "ok" : strerrorname_np(r));
	}
	printf("dumpable=%d\n", prctl(PR_GET_DUMPABLE));
	return 0;
}
