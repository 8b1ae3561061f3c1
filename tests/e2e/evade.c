/*
 * Ways to be taken for another program at the proxy: it opens, hands on or inherits connections, then asks over them.
 *
 * usage: evade HOW ARGUMENT...; prints the first line of the answer, or what went wrong
 * exit   0 the answer was a 200, 1 it was not, 2 no such way
 */
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define KEPT_FD 9 /* a connection that survives exec */

static int
failed(const char *what)
{
	printf("%s: %s\n", what, strerror(errno));
	return 1;
}

/* The address of a host, by name or number. */
static struct addrinfo *
find(const char *host, const char *port)
{
	struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM}, *found = NULL;

	return getaddrinfo(host, port, &hints, &found) == 0 ? found : NULL;
}

static int
dial(const char *host, const char *port)
{
	struct addrinfo *to = find(host, port);
	int fd;

	if (to == NULL)
		return -1;
	fd = socket(to->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 && connect(fd, to->ai_addr, to->ai_addrlen) < 0) {
		close(fd);
		fd = -1;
	}
	freeaddrinfo(to);
	return fd;
}

static int
ask(int fd, const char *host)
{
	char text[512];
	int length = snprintf(text, sizeof(text), "GET /open/x HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", host);

	return write(fd, text, (size_t)length) == length ? 0 : -1;
}

static int
hear(int fd)
{
	char text[4096] = {0};
	size_t length = 0;
	ssize_t n;

	while (length < sizeof(text) - 1 && strchr(text, '\n') == NULL &&
	    (n = read(fd, text + length, sizeof(text) - 1 - length)) > 0)
		length += (size_t)n;
	if (length == 0) {
		printf("closed\n");
		return 1;
	}
	printf("%.*s\n", (int)strcspn(text, "\r\n"), text);
	return strncmp(text, "HTTP/1.1 200", 12) != 0;
}

/* HOST PORT: as anybody would */
static int
get(char **a)
{
	int fd = dial(a[0], a[1]);

	return fd < 0 || ask(fd, a[0]) < 0 ? failed("connect") : hear(fd);
}

/* HOST PORT PROGRAM: connect and ask, then become a program that may */
static int
become(char **a)
{
	char *next[] = {a[2], "finish", NULL};
	int fd = dial(a[0], a[1]);

	if (fd < 0 || dup2(fd, KEPT_FD) < 0 || ask(KEPT_FD, a[0]) < 0)
		return failed("connect");
	close(fd);
	execv(a[2], next);
	return failed(a[2]);
}

/* HOST PORT PROGRAM: connect, become a program that may, and ask as that one */
static int
become_early(char **a)
{
	char *next[] = {a[2], "finish-asking", a[0], NULL};
	int fd = dial(a[0], a[1]);

	if (fd < 0 || dup2(fd, KEPT_FD) < 0)
		return failed("connect");
	close(fd);
	execv(a[2], next);
	return failed(a[2]);
}

static int
finish(char **a)
{
	(void)a;
	return hear(KEPT_FD);
}

static int
finish_asking(char **a)
{
	return ask(KEPT_FD, a[0]) < 0 ? failed("ask") : hear(KEPT_FD);
}

static int
unix_address(const char *path, struct sockaddr_un *out)
{
	*out = (struct sockaddr_un){.sun_family = AF_UNIX};
	return snprintf(out->sun_path, sizeof(out->sun_path), "%s", path) < (int)sizeof(out->sun_path) ? 0 : -1;
}

static int
fd_send(int to, int fd)
{
	char byte = 'x', space[CMSG_SPACE(sizeof(int))] = {0};
	struct iovec one = {&byte, 1};
	struct msghdr m = {.msg_iov = &one, .msg_iovlen = 1, .msg_control = space, .msg_controllen = sizeof(space)};
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &fd, sizeof(int));
	return sendmsg(to, &m, 0) == 1 ? 0 : -1;
}

static int
fd_receive(int from)
{
	char byte, space[CMSG_SPACE(sizeof(int))] = {0};
	struct iovec one = {&byte, 1};
	struct msghdr m = {.msg_iov = &one, .msg_iovlen = 1, .msg_control = space, .msg_controllen = sizeof(space)};
	int fd = -1;

	if (recvmsg(from, &m, 0) == 1 && CMSG_FIRSTHDR(&m) != NULL)
		memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof(int));
	return fd;
}

/* PATH HOST PORT keep|drop|ask: a program that may opens a connection, and hands it to whoever comes to PATH */
static int
give(char **a)
{
	struct sockaddr_un address;
	int door = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), fd, guest;
	char byte;

	unlink(a[0]);
	if (unix_address(a[0], &address) < 0 || bind(door, (struct sockaddr *)&address, sizeof(address)) < 0 || listen(door, 1) < 0)
		return failed("listen");
	if ((fd = dial(a[1], a[2])) < 0)
		return failed("connect");
	if (strcmp(a[3], "ask") == 0 && ask(fd, a[1]) < 0) /* the first request is its own */
		return failed("ask");
	printf("ready\n");
	fflush(stdout);
	guest = accept(door, NULL, NULL);
	if (guest < 0 || fd_send(guest, fd) < 0)
		return failed("give");
	if (strcmp(a[3], "drop") == 0)
		close(fd);
	(void)!write(guest, "y", 1);
	(void)!read(guest, &byte, 1); /* until the guest has gone */
	return 0;
}

/* PATH HOST hidden|open: take the connection and ask over it */
static int
take(char **a)
{
	struct sockaddr_un address;
	int door = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), fd;
	char byte;

	if (strcmp(a[2], "hidden") == 0)
		prctl(PR_SET_DUMPABLE, 0);
	if (unix_address(a[0], &address) < 0 || connect(door, (struct sockaddr *)&address, sizeof(address)) < 0 ||
	    (fd = fd_receive(door)) < 0 || read(door, &byte, 1) != 1)
		return failed("take");
	return ask(fd, a[1]) < 0 ? failed("ask") : hear(fd);
}

/* HOST PORT: data with the first packet, past connect */
static int
fast_open(char **a)
{
	struct addrinfo *to = find(a[0], a[1]);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (to == NULL || sendto(fd, "GET", 3, MSG_FASTOPEN, to->ai_addr, to->ai_addrlen) < 0)
		return failed("MSG_FASTOPEN");
	return 0;
}

static const struct {
	const char *name;
	int (*run)(char **arguments);
	int arguments;
} ways[] = {
	{"get", get, 2},	       {"become", become, 3}, {"become-early", become_early, 3}, {"finish", finish, 0},
	{"finish-asking", finish_asking, 1}, {"give", give, 4},     {"take", take, 3},		 {"fast-open", fast_open, 2},
};

int
main(int argc, char **argv)
{
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++)
		if (argc > 1 && strcmp(argv[1], ways[i].name) == 0 && argc - 2 == ways[i].arguments)
			return ways[i].run(argv + 2);
	fprintf(stderr, "usage: evade HOW ARGUMENT...\n");
	return 2;
}
