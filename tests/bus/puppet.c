/*
 * The agent of test_policyd: does on command what an agent could do with sockets and processes. Started as "spawner" it
 * first confines itself as the spawner does, as far as policyd can tell: a user namespace of its own and a filter whose
 * listener it hands up.
 *
 * usage: puppet spawner        (descriptor 3: control)
 *        puppet CONTROL SOCKET
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/netlink.h>
#include <net/if.h>
#include <pthread.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static int control = 3, held = -1; /* the socket in question */

static void
die(const char *what)
{
	dprintf(2, "puppet: %s: %s\n", what, strerror(errno));
	_exit(9);
}

/* ---- talking ---- */

static void
send_with(int fd, const char *words, const int *fds, size_t n)
{
	struct iovec iov = {(char *)words, strlen(words) + 1};
	union {
		char space[CMSG_SPACE(sizeof(int) * 8)];
		struct cmsghdr align;
	} room = {0};
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};

	if (n > 0) {
		m.msg_control = &room;
		m.msg_controllen = CMSG_SPACE(sizeof(int) * n);
		*CMSG_FIRSTHDR(&m) = (struct cmsghdr){
		    .cmsg_len = CMSG_LEN(sizeof(int) * n), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
		memcpy(CMSG_DATA(CMSG_FIRSTHDR(&m)), fds, sizeof(int) * n);
	}
	if (sendmsg(fd, &m, 0) < 0)
		die("send");
}

/* One message and at most one descriptor (-1: none). */
static int
receive(int fd, char *words, size_t size)
{
	struct iovec iov = {words, size - 1};
	union {
		char space[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} room;
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &room, .msg_controllen = sizeof(room)};
	ssize_t n = recvmsg(fd, &m, 0);
	int got = -1;

	if (n <= 0)
		_exit(0); /* the test is over */
	words[n] = '\0';
	if (CMSG_FIRSTHDR(&m) != NULL)
		memcpy(&got, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof(got));
	return got;
}

static void
answer(int error)
{
	char words[32];

	snprintf(words, sizeof(words), "%d", error);
	send_with(control, words, NULL, 0);
}

/* ---- what it does ---- */

static int
make_socket(void)
{
	if (held < 0 && (held = socket(AF_INET, SOCK_STREAM, 0)) < 0)
		return errno;
	return 0;
}

static int
connect_to(const char *port)
{
	struct sockaddr_in to = {.sin_family = AF_INET,
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	    .sin_port = htons((uint16_t)strtoul(port, NULL, 10))};
	int error = make_socket();

	return error != 0 ? error : connect(held, (struct sockaddr *)&to, sizeof(to)) < 0 ? errno : 0;
}

/* An IPv6 socket, to ::1 or to an IPv4 address as IPv6 writes it. */
static int
connect_six(const char *address, const char *port)
{
	struct sockaddr_in6 to = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)strtoul(port, NULL, 10))};

	inet_pton(AF_INET6, address, &to.sin6_addr);
	if ((held = socket(AF_INET6, SOCK_STREAM, 0)) < 0)
		return errno;
	return connect(held, (struct sockaddr *)&to, sizeof(to)) < 0 ? errno : 0;
}

static void
loose(int fd)
{
	fcntl(fd, F_SETFD, 0);
}

static int
run(const char *path)
{
	char a[16], b[16];

	snprintf(a, sizeof(a), "%d", control);
	snprintf(b, sizeof(b), "%d", held);
	loose(control);
	if (held >= 0)
		loose(held);
	execl(path, path, a, b, (char *)NULL);
	return errno;
}

/* So many more, kept open. */
static int
connect_many(char *words)
{
	char *port = strchr(words, ' ') + 1;
	int error = 0;

	for (unsigned long n = strtoul(words, NULL, 10); n > 0 && error == 0; n--) {
		held = -1;
		error = connect_to(port);
	}
	return error;
}

static void *
connect_thread(void *port)
{
	return (void *)(intptr_t)connect_to(port);
}

static int
connect_in_thread(char *port)
{
	pthread_t thread;
	void *error;

	if (pthread_create(&thread, NULL, connect_thread, port) != 0 || pthread_join(thread, &error) != 0)
		return EAGAIN;
	return (int)(intptr_t)error;
}

/* A thread that takes a table of descriptors of its own and keeps the socket in it, also when the others close it. */
static void *
hide(void *ready)
{
	char byte = 0;

	if (unshare(CLONE_FILES) < 0 || write(*(int *)ready, &byte, 1) != 1)
		die("hide");
	for (;;)
		pause();
	return NULL;
}

static int
hide_in_thread(void)
{
	pthread_t thread;
	int ends[2];
	char byte;

	if (pipe(ends) < 0 || pthread_create(&thread, NULL, hide, &ends[1]) != 0 || read(ends[0], &byte, 1) != 1)
		return errno;
	close(held);
	held = -1;
	return 0;
}

/* Starts programs one after the other, as agents do all the time; the socket is not theirs to keep. */
static int
churn(unsigned long times)
{
	int status = 0;

	fcntl(held, F_SETFD, FD_CLOEXEC);
	signal(SIGCHLD, SIG_DFL);
	while (times-- > 0) {
		pid_t pid = fork();

		if (pid == 0) {
			execl("/bin/true", "true", (char *)NULL);
			_exit(9);
		}
		if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0)
			return ECHILD;
	}
	return 0;
}

/* The child obeys the control that came with the command. */
static void
split(int with)
{
	pid_t pid = fork();

	if (pid < 0)
		die("fork");
	if (pid == 0) {
		close(control);
		control = with; /* nothing was asked of it yet */
		return;
	}
	close(with);
	answer(0);
}

static void
obey(char *words, int with)
{
	char *rest = strchr(words, ' ');

	if (rest != NULL)
		*rest++ = '\0';
	if (strcmp(words, "connect") == 0)
		answer(connect_to(rest));
	else if (strcmp(words, "mapped") == 0)
		answer(connect_six("::ffff:127.0.0.1", rest));
	else if (strcmp(words, "six") == 0)
		answer(connect_six("::1", rest));
	else if (strcmp(words, "many") == 0)
		answer(connect_many(rest));
	else if (strcmp(words, "thread") == 0)
		answer(connect_in_thread(rest));
	else if (strcmp(words, "make") == 0)
		answer(make_socket());
	else if (strcmp(words, "fork") == 0)
		split(with);
	else if (strcmp(words, "exec") == 0)
		answer(run(rest)); /* answered by main where it works */
	else if (strcmp(words, "give") == 0) {
		send_with(with, "s", &held, 1);
		close(with);
		answer(0);
	} else if (strcmp(words, "take") == 0) {
		held = receive(with, (char[8]){0}, 8);
		close(with);
		answer(held < 0);
	} else if (strcmp(words, "close") == 0) {
		close(held);
		held = -1;
		answer(0);
	} else if (strcmp(words, "undumpable") == 0)
		answer(prctl(PR_SET_DUMPABLE, 0) < 0 ? errno : 0);
	else if (strcmp(words, "churn") == 0)
		answer(churn(strtoul(rest, NULL, 10)));
	else if (strcmp(words, "hide") == 0)
		answer(hide_in_thread());
	else if (strcmp(words, "end") == 0) {
		answer(0);
		_exit(0);
	} else
		answer(ENOSYS);
}

/* ---- the spawner ---- */

static void
write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		die(path);
	close(fd);
}

static void
lo_up(void)
{
	struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &request) < 0)
		die("lo");
	close(fd);
}

static void
own_namespace(void)
{
	char map[64];

	/* Where only one id is mapped it stays the one there is. */
	if (setresgid(1000, 1000, 1000) < 0 || setresuid(1000, 1000, 1000) < 0)
		errno = 0;
	snprintf(map, sizeof(map), "1000 %u 1", geteuid());
	if (unshare(CLONE_NEWUSER) < 0 || prctl(PR_SET_DUMPABLE, 1) < 0)
		die("user namespace");
	write_file("/proc/self/setgroups", "deny");
	write_file("/proc/self/uid_map", map);
	write_file("/proc/self/gid_map", map);
	if (prctl(PR_SET_DUMPABLE, 0) < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		die("prctl");
}

static int
listener(void)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);

	if (filter == NULL || seccomp_rule_add(filter, SCMP_ACT_NOTIFY, SCMP_SYS(connect), 0) < 0 ||
	    seccomp_load(filter) < 0)
		die("seccomp");
	return seccomp_notify_fd(filter);
}

static int
listening_socket(void)
{
	struct sockaddr_in6 any = {.sin6_family = AF_INET6}; /* IPv4 too */
	int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&any, sizeof(any)) < 0 || listen(fd, 512) < 0)
		die("listen");
	return fd;
}

static void
become_spawner(void)
{
	int fds[3];

	signal(SIGCHLD, SIG_IGN); /* children bury themselves */
	lo_up();
	fds[1] = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
	fds[2] = listening_socket();
	own_namespace();
	fds[0] = listener();
	send_with(control, "ready", fds, 3);
	for (int i = 0; i < 3; i++)
		close(fds[i]);
}

int
main(int argc, char **argv)
{
	char words[4200];

	if (argc == 2)
		become_spawner();
	else {
		control = (int)strtol(argv[1], NULL, 10);
		held = (int)strtol(argv[2], NULL, 10);
		signal(SIGCHLD, SIG_IGN);
		answer(0);
	}
	for (;;) {
		int with = receive(control, words, sizeof(words));

		obey(words, with);
	}
}
