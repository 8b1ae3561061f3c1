/*
 * Ways to be taken for another program at the proxy: it opens, hands on or inherits connections, then asks over them.
 *
 * usage: evade HOW ARGUMENT...; prints the first line of the answer, or what went wrong
 * exit   0 the answer was a 200, 1 it was not, 2 no such way
 */
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdint.h>
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

/* From the destination's own address, as every connection of the agent's; local: a port, or NULL. */
static int
from_port(int fd, const struct addrinfo *to, const char *local)
{
	struct sockaddr_in from = *(const struct sockaddr_in *)(const void *)to->ai_addr;
	int on = 1;

	if (local == NULL)
		return 0;
	from.sin_port = htons((uint16_t)strtoul(local, NULL, 10));
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	return bind(fd, (struct sockaddr *)&from, sizeof(from));
}

static int
dial_from(const char *host, const char *port, const char *local)
{
	struct addrinfo *to = find(host, port);
	int fd;

	if (to == NULL)
		return -1;
	fd = socket(to->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 && from_port(fd, to, local) < 0) {
		close(fd);
		fd = -1;
	}
	if (fd >= 0 && connect(fd, to->ai_addr, to->ai_addrlen) < 0) {
		close(fd);
		fd = -1;
	}
	freeaddrinfo(to);
	return fd;
}

static int
dial(const char *host, const char *port)
{
	return dial_from(host, port, NULL);
}

static int
ask_for(int fd, const char *host, const char *what, const char *more)
{
	char text[512];
	int length = snprintf(text, sizeof(text), "%s HTTP/1.1\r\nHost: %s\r\n%s\r\n", what, host, more);

	return write(fd, text, (size_t)length) == length ? 0 : -1;
}

static int
ask(int fd, const char *host)
{
	return ask_for(fd, host, "GET /open/x", "Connection: close\r\n");
}

/* A request without a body in its answer; the connection goes on. 0: it was allowed. */
static int
ask_head(int fd, const char *host)
{
	char text[4096] = {0};
	size_t length = 0;
	ssize_t n;

	if (ask_for(fd, host, "HEAD /open/x", "") < 0)
		return -1;
	while (strstr(text, "\r\n\r\n") == NULL && length < sizeof(text) - 1 &&
	       (n = read(fd, text + length, sizeof(text) - 1 - length)) > 0)
		length += (size_t)n;
	return strncmp(text, "HTTP/1.1 200", 12) == 0 ? 0 : -1;
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
	char *next[] = {a[2], (char *)(uintptr_t) "finish", NULL};
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
	char *next[] = {a[2], (char *)(uintptr_t) "finish-asking", a[0], NULL};
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
	if (unix_address(a[0], &address) < 0 || bind(door, (struct sockaddr *)&address, sizeof(address)) < 0 ||
	    listen(door, 1) < 0)
		return failed("listen");
	if ((fd = dial(a[1], a[2])) < 0)
		return failed("connect");
	if (strcmp(a[3], "ask") == 0 && ask_head(fd, a[1]) < 0) /* the first request is its own */
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

/* Requests one after the other, until the connection is cut: who took it over late is seen within a second. */
static int
ask_until_cut(int fd, const char *host)
{
	for (int i = 0; i < 200; i++) {
		if (ask_head(fd, host) < 0) {
			printf("cut after %d requests\n", i);
			return 1;
		}
		poll(NULL, 0, 10);
	}
	printf("never cut\n");
	return 0;
}

/* PATH HOST hidden|open once|on: take the connection and ask over it */
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
	if (strcmp(a[3], "on") == 0)
		return ask_until_cut(fd, a[1]);
	return ask(fd, a[1]) < 0 ? failed("ask") : hear(fd);
}

/*
 * ADDRESS PORT LOCALPORT HOST: ask from that port, and be gone with a reset before the proxy has looked at the connection;
 * whoever asks from there next has the same two ends.
 */
static int
ask_and_go(char **a)
{
	struct linger now = {.l_onoff = 1};
	int fd = dial_from(a[0], a[1], a[2]);

	if (fd < 0 || ask_for(fd, a[3], "GET /open/gone", "") < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now)) < 0 || close(fd) < 0)
		return failed("connect");
	return 0;
}

/* ADDRESS PORT LOCALPORT HOST: ask from that port, as anybody would */
static int
ask_from(char **a)
{
	int fd = dial_from(a[0], a[1], a[2]);

	if (fd < 0 || ask(fd, a[3]) < 0)
		return failed("connect");
	printf("asked\n");
	fflush(stdout);
	return hear(fd);
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
    {"get", get, 2},
    {"become", become, 3},
    {"become-early", become_early, 3},
    {"finish", finish, 0},
    {"finish-asking", finish_asking, 1},
    {"give", give, 4},
    {"take", take, 4},
    {"fast-open", fast_open, 2},
    {"ask-and-go", ask_and_go, 4},
    {"ask-from", ask_from, 4},
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
