/*
 * The probe: tries what walls forbid, so that the same program can be run inside and outside of them.
 *
 * usage: probe NAME [ARGUMENT...]
 * exit   0 it was possible, 1 it was refused (prints the error), 2 no such probe
 */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define WIDE (1ull << 32) /* above what the kernel looks at in a 32-bit argument */

/* Each answers 0 when it could, -1 with errno when not. */

static int
refused(int error)
{
	errno = error;
	return -1;
}

static int
read_file(const char *path)
{
	char byte;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	return fd < 0 || read(fd, &byte, 1) < 0 ? -1 : 0;
}

static int
write_file(const char *path)
{
	return open(path, O_WRONLY | O_CLOEXEC) < 0 ? -1 : 0;
}

static int
create_file(const char *directory)
{
	char path[4096];
	int fd;

	snprintf(path, sizeof(path), "%s/.probe-%d", directory, (int)getpid());
	if ((fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600)) < 0)
		return -1;
	unlink(path);
	return close(fd);
}

static int
list_directory(const char *path)
{
	DIR *dir = opendir(path);

	return dir == NULL || readdir(dir) == NULL ? -1 : closedir(dir);
}

/* ---- network; the argument is ADDRESS PORT ---- */

#define OWN_PORT 20202

static const char *port_argument = "0";
static uint16_t own_port; /* 0: whichever */

/* In the sandbox's network, whose own address this is. */
static int
bind_own(int fd, int family)
{
	struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = htons(own_port)};
	struct sockaddr_in four = {.sin_family = AF_INET, .sin_port = htons(own_port)};
	int on = 1;

	inet_pton(AF_INET, "10.200.0.1", &four.sin_addr);
	if (own_port == 0)
		return 0;
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0)
		return -1;
	return family == AF_INET ? bind(fd, (struct sockaddr *)&four, sizeof(four))
				 : bind(fd, (struct sockaddr *)&six, sizeof(six));
}

static int
connected(int type, const char *address)
{
	struct sockaddr_in6 six = {.sin6_family = AF_INET6};
	struct sockaddr_in four = {.sin_family = AF_INET};
	int family = strchr(address, ':') != NULL ? AF_INET6 : AF_INET;
	int fd = socket(family, type | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind_own(fd, family) < 0)
		return -1;
	four.sin_port = six.sin6_port = htons((uint16_t)strtol(port_argument, NULL, 10));
	if (family == AF_INET ? inet_pton(family, address, &four.sin_addr) != 1
			      : inet_pton(family, address, &six.sin6_addr) != 1)
		return refused(EINVAL);
	if (connect(fd, family == AF_INET ? (struct sockaddr *)&four : (struct sockaddr *)&six,
		family == AF_INET ? sizeof(four) : sizeof(six)) < 0)
		return -1;
	return fd;
}

static int
connect_to(int type, const char *address)
{
	int fd = connected(type, address);

	return fd < 0 || (type == SOCK_DGRAM && send(fd, "x", 1, 0) < 0) ? -1 : close(fd);
}

static int
tcp(const char *address)
{
	return connect_to(SOCK_STREAM, address);
}

static int
udp(const char *address)
{
	return connect_to(SOCK_DGRAM, address);
}

/* What the other side says first, or answers to a datagram; ENODATA when it says nothing and ends. */
static int
hear_open(const char *address, int type)
{
	struct timeval patience = {.tv_sec = 5};
	char text[256];
	ssize_t n;
	int fd = connected(type, address);

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) < 0 ||
	    (type == SOCK_DGRAM && send(fd, "x", 1, 0) < 0) || (n = recv(fd, text, sizeof(text), 0)) < 0)
		return -1;
	if (n == 0)
		return refused(ENODATA);
	printf("%.*s%s", (int)n, text, text[n - 1] == '\n' ? "" : "\n");
	return fd;
}

static int
hear(const char *address, int type)
{
	int fd = hear_open(address, type);

	return fd < 0 ? -1 : close(fd);
}

static int
hear_tcp(const char *address)
{
	return hear(address, SOCK_STREAM);
}

static int
hear_udp(const char *address)
{
	return hear(address, SOCK_DGRAM);
}

/* Each of the ADDRESSES at each of the PORTS, all from one port (and address) of ours and all open together. */
static int
hear_from_one(const char *addresses)
{
	const char *ports = port_argument;
	char a[1024], p[256], *next_a = a, *next_p, *address, *port;
	int missed = 0;

	own_port = OWN_PORT;
	snprintf(a, sizeof(a), "%s", addresses);
	while ((address = strsep(&next_a, ",")) != NULL) {
		snprintf(p, sizeof(p), "%s", ports);
		for (next_p = p; (port = strsep(&next_p, ",")) != NULL;) {
			port_argument = port;
			if (hear_open(address, SOCK_STREAM) >= 0)
				continue;
			missed = errno;
			printf("%s %s: %s\n", address, port, strerror(missed));
		}
	}
	return missed == 0 ? 0 : refused(missed);
}

/* Data with the first packet, and no connect() before it. */
static int
fast_open(const char *address)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)strtol(port_argument, NULL, 10))};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct iovec iov = {(char *)"x", 1};
	struct msghdr message = {.msg_name = &at, .msg_namelen = sizeof(at), .msg_iov = &iov, .msg_iovlen = 1};
	struct mmsghdr messages = {.msg_hdr = message};

	inet_pton(AF_INET, address, &at.sin_addr);
	if (sendto(fd, "x", 1, MSG_FASTOPEN, (struct sockaddr *)&at, sizeof(at)) == 1 ||
	    sendmsg(fd, &message, MSG_FASTOPEN) == 1 || sendmmsg(fd, &messages, 1, MSG_FASTOPEN) == 1)
		return close(fd);
	return -1;
}

static int
fast_open_connect(const char *unused)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;

	(void)unused;
	return setsockopt(fd, IPPROTO_TCP, TCP_FASTOPEN_CONNECT, &on, sizeof(on));
}

static int
many_paths(const char *unused)
{
	(void)unused;
	return socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 262 /* IPPROTO_MPTCP */) < 0 ? -1 : 0;
}

static int
raw(const char *unused)
{
	(void)unused;
	return socket(AF_INET, SOCK_RAW, IPPROTO_ICMP) < 0 ? -1 : 0;
}

static int
packet(const char *unused)
{
	(void)unused;
	return socket(AF_PACKET, SOCK_RAW, 0) < 0 ? -1 : 0;
}

static int
netlink_wide(const char *unused)
{
	(void)unused;
	return syscall(SYS_socket, AF_NETLINK, SOCK_RAW, 4 /* sock_diag */) < 0 ? -1 : 0;
}

static int
packet_wide(const char *unused)
{
	(void)unused;
	return syscall(SYS_socket, AF_PACKET | WIDE, SOCK_RAW, 0) < 0 ? -1 : 0;
}

static int
unix_socket(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	return fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ? -1 : close(fd);
}

static int
abstract_socket(const char *name)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(address.sun_path + 1, sizeof(address.sun_path) - 1, "%s", name);
	return fd < 0 || connect(fd, (struct sockaddr *)&address,
			     (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(name))) < 0
		   ? -1
		   : close(fd);
}

static int
other_interface(const char *unused)
{
	struct if_nameindex *list = if_nameindex();

	(void)unused;
	for (size_t i = 0; list != NULL && list[i].if_index != 0; i++)
		if (strcmp(list[i].if_name, "lo") != 0)
			return 0;
	return refused(ENODEV);
}

/* ---- itself ---- */

static int
any_capability(const char *unused)
{
	char line[256];
	FILE *status = fopen("/proc/self/status", "re");

	(void)unused;
	while (status != NULL && fgets(line, sizeof(line), status) != NULL)
		if (strncmp(line, "Cap", 3) == 0 && strspn(line + 8, "0\n") != strlen(line + 8))
			return 0;
	return refused(EPERM);
}

/* The value of NoNewPrivs, Seccomp is what is printed by the shell; here: may more be had? */
static int
gain_privileges(const char *unused)
{
	(void)unused;
	return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 0 ? 0 : refused(EPERM);
}

static int
extra_descriptor(const char *unused)
{
	(void)unused;
	for (int fd = 3; fd < 1024; fd++)
		if (fcntl(fd, F_GETFD) >= 0)
			return 0;
	return refused(EBADF);
}

static int
become_root(const char *unused)
{
	(void)unused;
	return setuid(0);
}

/* ---- the kernel ---- */

static int
mount_tmpfs(const char *unused)
{
	(void)unused;
	return mount("none", "/tmp", "tmpfs", 0, NULL) < 0 ? -1 : umount2("/tmp", MNT_DETACH);
}

static int
open_tree_clone(const char *unused)
{
	(void)unused;
	return syscall(SYS_open_tree, AT_FDCWD, "/", 1) < 0 ? -1 : 0;
}

static int
new_user(const char *unused)
{
	(void)unused;
	return unshare(CLONE_NEWUSER);
}

static int
new_user_clone(const char *unused)
{
	pid_t pid = (pid_t)syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, NULL, NULL, NULL, NULL);

	(void)unused;
	if (pid == 0)
		_exit(0);
	return pid < 0 ? -1 : waitpid(pid, NULL, 0) != pid;
}

static int
new_user_clone3(const char *unused)
{
	uint64_t args[8] = {CLONE_NEWUSER, 0, 0, 0, SIGCHLD, 0, 0, 0};
	pid_t pid = (pid_t)syscall(SYS_clone3, args, sizeof(args));

	(void)unused;
	if (pid == 0)
		_exit(0);
	return pid < 0 ? -1 : waitpid(pid, NULL, 0) != pid;
}

static int
trace(const char *unused)
{
	(void)unused;
	return (int)ptrace(PTRACE_TRACEME, 0, NULL, NULL);
}

static int
signal_process(const char *pid)
{
	return kill((pid_t)strtol(pid, NULL, 10), SIGURG);
}

static int
kill_first_wide(const char *unused)
{
	(void)unused;
	return (int)syscall(SYS_kill, 1 | WIDE, SIGURG);
}

static int
tgkill_first(const char *unused)
{
	(void)unused;
	return (int)syscall(SYS_tgkill, 1, 1, SIGURG);
}

static int
limit_first(const char *unused)
{
	struct rlimit limit;

	(void)unused;
	return prlimit(1, RLIMIT_NOFILE, NULL, &limit);
}

static int
priority_first(const char *unused)
{
	(void)unused;
	return setpriority(PRIO_PROCESS, 1, 1) < 0 ? -1 : setpriority(PRIO_PROCESS, 1, 0);
}

/* The ioctl with the terminal that stands at descriptor 0, or one of our own. */
static int
push_input(unsigned long request)
{
	int fd = open("/dev/ptmx", O_RDWR | O_CLOEXEC), unlock = 0, peer;

	if (fd < 0 || ioctl(fd, TIOCSPTLCK, &unlock) < 0 || (peer = ioctl(fd, TIOCGPTPEER, O_RDWR)) < 0)
		return -1;
	setsid();
	ioctl(peer, TIOCSCTTY, 0);
	return (int)syscall(SYS_ioctl, peer, request, "x");
}

static int
tiocsti(const char *unused)
{
	(void)unused;
	return push_input(TIOCSTI);
}

static int
tiocsti_wide(const char *unused)
{
	(void)unused;
	return push_input(TIOCSTI | WIDE);
}

static int
memory_file(const char *unused)
{
	(void)unused;
	return syscall(SYS_memfd_create, "probe", 0) < 0 ? -1 : 0;
}

static int
io_uring(const char *unused)
{
	char parameters[120] = {0};

	(void)unused;
	return syscall(SYS_io_uring_setup, 1, parameters) < 0 ? -1 : 0;
}

static int
keyring(const char *unused)
{
	(void)unused;
	return syscall(SYS_keyctl, 0 /* KEYCTL_GET_KEYRING_ID */, -3, 1) < 0 ? -1 : 0;
}

static int
pidfd(const char *unused)
{
	(void)unused;
	return syscall(SYS_pidfd_open, getpid(), 0) < 0 ? -1 : 0;
}

static int
filter(const char *unused)
{
	struct {
		unsigned short length;
		void *code;
	} program = {0, NULL};
	int r = prctl(PR_SET_SECCOMP, 2, &program, 0, 0);

	(void)unused;
	return r < 0 && errno == EPERM ? -1 : 0; /* an empty filter is EINVAL where it is looked at */
}

static int
change_persona(const char *unused)
{
	(void)unused;
	return personality(READ_IMPLIES_EXEC) < 0 ? -1 : 0;
}

/* The 32-bit entry of x86: getpid by its old number. */
static int
other_machine(const char *unused)
{
	int status;
	pid_t pid = fork();

	(void)unused;
	if (pid == 0) {
#if defined(__x86_64__)
		long r;

		__asm__ volatile("int $0x80" : "=a"(r) : "a"(20) : "memory");
		_exit(r > 0 ? 0 : 1);
#else
		_exit(1);
#endif
	}
	waitpid(pid, &status, 0);
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : refused(ENOSYS);
}

static int
host_name(const char *unused)
{
	char name[65];

	(void)unused;
	return gethostname(name, sizeof(name)) < 0 ? -1 : sethostname(name, strlen(name));
}

static int
make_device(const char *directory)
{
	char path[4096];

	snprintf(path, sizeof(path), "%s/.probe-%d", directory, (int)getpid());
	if (mknod(path, S_IFCHR | 0600, 1 << 8 | 3) < 0)
		return -1;
	return unlink(path);
}

/* Any process of a name in /proc: of a sandbox's own processes none may be seen. */
static int
see_process(const char *name)
{
	DIR *dir = opendir("/proc");
	struct dirent *entry;
	char path[300], comm[64];
	FILE *file;

	while (dir != NULL && (entry = readdir(dir)) != NULL) {
		snprintf(path, sizeof(path), "/proc/%s/comm", entry->d_name);
		if (entry->d_name[0] < '1' || entry->d_name[0] > '9' || (file = fopen(path, "re")) == NULL)
			continue;
		if (fgets(comm, sizeof(comm), file) != NULL && strncmp(comm, name, strlen(name)) == 0)
			return 0;
		fclose(file);
	}
	return refused(ESRCH);
}

static const struct {
	const char *name;
	int (*try)(const char *argument);
	const char *what;
} probes[] = {
    {"read", read_file, "PATH: read a file"},
    {"write", write_file, "PATH: open a file for writing"},
    {"create", create_file, "DIRECTORY: make a file in it"},
    {"list", list_directory, "DIRECTORY: list it"},
    {"device", make_device, "DIRECTORY: make a device node in it"},
    {"tcp", tcp, "ADDRESS PORT: connect"},
    {"udp", udp, "ADDRESS PORT: send a datagram"},
    {"hear", hear_tcp, "ADDRESS PORT: connect, and print what is said first"},
    {"hear-udp", hear_udp, "ADDRESS PORT: send a datagram, and print the answer"},
    {"hear-from-one", hear_from_one, "ADDRESS,... PORT,...: the same of all of them, from one port of ours"},
    {"fast-open", fast_open, "ADDRESS PORT: send with the first packet, without connect"},
    {"fast-open-connect", fast_open_connect, "delay the first packet of a connect"},
    {"mptcp", many_paths, "open a socket of many paths"},
    {"raw", raw, "open a raw socket"},
    {"packet", packet, "open a packet socket"},
    {"packet-wide", packet_wide, "the same, with high bits in the argument"},
    {"netlink-diag", netlink_wide, "open a socket of sock_diag"},
    {"unix", unix_socket, "PATH: connect to a Unix socket"},
    {"abstract", abstract_socket, "NAME: connect to an abstract Unix socket"},
    {"interface", other_interface, "see an interface other than lo"},
    {"capability", any_capability, "have a capability in any set"},
    {"new-privileges", gain_privileges, "gain privileges by exec"},
    {"descriptor", extra_descriptor, "have a descriptor above 2"},
    {"root", become_root, "become user 0"},
    {"mount", mount_tmpfs, "mount a file system"},
    {"open-tree", open_tree_clone, "clone a mount"},
    {"userns", new_user, "make a user namespace by unshare"},
    {"userns-clone", new_user_clone, "make one by clone"},
    {"userns-clone3", new_user_clone3, "make one by clone3"},
    {"ptrace", trace, "be traced"},
    {"kill", signal_process, "PID: signal a process"},
    {"kill1-wide", kill_first_wide, "signal process 1, with high bits in the argument"},
    {"tgkill1", tgkill_first, "signal process 1 by thread"},
    {"prlimit1", limit_first, "read the limits of process 1"},
    {"priority1", priority_first, "change the priority of process 1"},
    {"tiocsti", tiocsti, "push input into a terminal"},
    {"tiocsti-wide", tiocsti_wide, "the same, with high bits in the argument"},
    {"memfd", memory_file, "make a file in memory"},
    {"io-uring", io_uring, "set up io_uring"},
    {"keyctl", keyring, "use the kernel's keyrings"},
    {"pidfd", pidfd, "open a pidfd"},
    {"filter", filter, "install a seccomp filter"},
    {"personality", change_persona, "change the personality"},
    {"other-machine", other_machine, "call the kernel by another machine's numbers"},
    {"hostname", host_name, "set the host name"},
    {"process", see_process, "NAME: see a process of that name"},
};

int
main(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : "";

	if (argc > 3)
		port_argument = argv[3];
	for (size_t i = 0; i < sizeof(probes) / sizeof(probes[0]); i++) {
		if (strcmp(probes[i].name, name) != 0)
			continue;
		if (probes[i].try(argc > 2 ? argv[2] : "") == 0) {
			printf("possible\n");
			return 0;
		}
		printf("refused: %s\n", strerror(errno));
		return 1;
	}
	fprintf(stderr, "usage: probe NAME [ARGUMENT...]; exit 0 possible, 1 refused\n");
	for (size_t i = 0; i < sizeof(probes) / sizeof(probes[0]); i++)
		fprintf(stderr, "  %-15s %s\n", probes[i].name, probes[i].what);
	return 2;
}
