/* Building the agent's network by the fence program; the sockets that take what it captures; and trying the wall. */
#include "sandbox/supervisor/network.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/netlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/clean.h"
#include "common/base/log.h"
#include "common/os/child.h"
#include "sandbox/supervisor/bundle.h"
#include "sandbox/supervisor/refusals.h"

#define BACKLOG	 1024
#define MARK	 0x6f73 /* of rules.h: what our sockets send, those that they accept as well */
#define TRY_MS	 1000
#define FAR_PORT 4433
#define FAR	 "192.0.2.1"   /* for examples only: RFC 5737 */
#define FAR_6	 "2001:db8::1" /* and RFC 3849 */

union address {
	struct sockaddr any;
	struct sockaddr_in four;
	struct sockaddr_in6 six;
};

static socklen_t
address_of(int family, const char *text, uint16_t port, union address *out)
{
	memset(out, 0, sizeof(*out));
	out->any.sa_family = (sa_family_t)family;
	if (family == AF_INET) {
		out->four.sin_port = htons(port);
		inet_pton(family, text, &out->four.sin_addr);
		return sizeof(out->four);
	}
	out->six.sin6_port = htons(port);
	inet_pton(family, text, &out->six.sin6_addr);
	return sizeof(out->six);
}

/* ---- building ---- */

/* Ports and addresses of sandbox/fence/rules.h. */
static const struct {
	int family, type;
	const char *address;
	uint16_t port;
} listeners[] = {
    {AF_INET, SOCK_STREAM, "127.0.0.1", 15001}, {AF_INET6, SOCK_STREAM, "::1", 15001},
    {AF_INET, SOCK_STREAM, "10.200.0.1", 3128}, {AF_INET, SOCK_DGRAM, "127.0.0.1", 53},
    {AF_INET, SOCK_STREAM, "127.0.0.1", 53},
    {AF_INET, SOCK_STREAM, "127.0.0.1", 8174}, /* where tools of Google's are told to find their metadata */
};

/*
 * Transparent: what it takes in may be meant for any address. A port of theirs stays free for the agent's own servers
 * (SO_REUSEADDR, which goes over to the sockets that are accepted).
 */
static bool
set_options(int fd, int family, int type)
{
	int level = family == AF_INET ? SOL_IP : SOL_IPV6,
	    transparent = family == AF_INET ? IP_TRANSPARENT : IPV6_TRANSPARENT;
	int on = 1, mark = MARK, reuse = type == SOCK_STREAM;

	return setsockopt(fd, SOL_SOCKET, SO_MARK, &mark, sizeof(mark)) == 0 &&
	       setsockopt(fd, level, transparent, &on, sizeof(on)) == 0 &&
	       setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &reuse, sizeof(reuse)) == 0;
}

static int
listen_at(int family, int type, const char *address, uint16_t port)
{
	auto_fd int fd = socket(family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	union address at;
	socklen_t length = address_of(family, address, port, &at);

	if (fd < 0 || !set_options(fd, family, type) || bind(fd, &at.any, length) < 0 ||
	    (type == SOCK_STREAM && listen(fd, BACKLOG) < 0))
		return -1;
	return fd_take(&fd);
}

/* A wall holds without a word, too. */
static enum err
hear_refusals(struct network *network, struct why *why)
{
	enum err r = refusals_open(&network->fds[NETWORK_REFUSALS], why);

	if (r == ERR_STATE)
		log_warning("network.unlogged", "why=%s", log_quote(span_of_text(why->text)));
	return r == ERR_STATE ? OK : r;
}

static enum err
open_sockets(struct network *network, struct why *why)
{
	for (size_t i = 0; i < COUNT(listeners); i++) {
		network->fds[i] =
		    listen_at(listeners[i].family, listeners[i].type, listeners[i].address, listeners[i].port);
		/* A system without IPv6: one that nobody can reach stands in its place. */
		if (network->fds[i] < 0 && listeners[i].family == AF_INET6 &&
		    (errno == EAFNOSUPPORT || errno == EADDRNOTAVAIL))
			network->fds[i] = listen_at(AF_INET, SOCK_STREAM, "127.0.0.1", 0);
		if (network->fds[i] < 0)
			return fail_errno(
			    why, ERR_SYSTEM, "listen at %s port %u", listeners[i].address, listeners[i].port);
	}
	_Static_assert(COUNT(listeners) == NETWORK_SOCK_DIAG, "the order of spawner_ready");
	network->fds[NETWORK_SOCK_DIAG] =
	    socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_SOCK_DIAG);
	if (network->fds[NETWORK_SOCK_DIAG] < 0)
		return fail_errno(why, ERR_SYSTEM, "sock_diag");
	return hear_refusals(network, why);
}

static enum err
lo_up(struct why *why)
{
	auto_fd int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};

	if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &request) < 0)
		return fail_errno(why, ERR_SYSTEM, "bring lo up");
	return OK;
}

/* The first line of what the program said. */
static void
first_line(int fd, char *to, size_t size)
{
	ssize_t n = read(fd, to, size - 1);

	to[n < 0 ? 0 : n] = '\0';
	to[strcspn(to, "\n")] = '\0';
}

static enum err
run_fence(struct why *why)
{
	static const char *const argv[] = {"fence", NULL};
	struct child_plan plan = {.path = BUNDLE_FENCE,
	    .argv = argv,
	    .envp = bundle_environment,
	    .fds = {-1, -1, -1},
	    .fds_count = 3,
	    .die_with_parent = true};
	auto_fd int says = -1;
	struct child child;
	char words[256];
	int ends[2], status;
	enum err r;

	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0)
		return fail_errno(why, ERR_SYSTEM, "pipe");
	says = ends[0];
	plan.fds[2] = ends[1];
	r = child_start(&child, &plan, why);
	close(ends[1]);
	if (r != OK)
		return r;
	status = child_wait(&child);
	child_done(&child);
	first_line(says, words, sizeof(words));
	return status == 0 ? OK : fail(why, ERR_SYSTEM, "%s", words[0] == '\0' ? "it ended without a word" : words);
}

enum err
network_build(bool closed, struct network *out, struct why *why)
{
	enum err r;

	*out = (struct network){.fds = {-1, -1, -1, -1, -1, -1, -1, -1}};
	if ((r = lo_up(why)) != OK)
		return r;
	if (closed)
		r = fail(&out->open, ERR_STATE, "there is no proxy in this bundle");
	else if ((r = run_fence(&out->open)) != OK)
		r = because(&out->open, r, "the network cannot be fenced");
	else
		r = open_sockets(out, &out->open);
	out->fenced = r == OK;
	if (!out->fenced)
		network_done(out);
	return OK;
}

void
network_done(struct network *network)
{
	for (size_t i = 0; i < NETWORK_FDS; i++)
		clean_fd(&network->fds[i]);
}

/* ---- trying it ---- */

static enum err
only_lo(struct why *why)
{
	struct if_nameindex *list = if_nameindex();
	bool alone =
	    list != NULL && list[0].if_index != 0 && strcmp(list[0].if_name, "lo") == 0 && list[1].if_index == 0;

	if_freenameindex(list);
	return alone ? OK : fail(why, ERR_STATE, "there are other interfaces than lo");
}

static int
connect_to(int family, int type, const char *address, uint16_t port)
{
	auto_fd int fd = socket(family, type | SOCK_CLOEXEC, 0);
	union address at;
	socklen_t length = address_of(family, address, port, &at);

	return fd >= 0 && connect(fd, &at.any, length) == 0 ? fd_take(&fd) : -1;
}

/* Nobody listens at a closed network; the loopback address itself is the control. */
static enum err
check_closed(struct why *why)
{
	auto_fd int near = connect_to(AF_INET, SOCK_DGRAM, "127.0.0.1", FAR_PORT);
	auto_fd int four = connect_to(AF_INET, SOCK_DGRAM, FAR, FAR_PORT);
	auto_fd int six = connect_to(AF_INET6, SOCK_DGRAM, FAR_6, FAR_PORT);

	if (near < 0)
		return fail(why, ERR_STATE, "lo does not work");
	if (four >= 0 || six >= 0)
		return fail(why, ERR_STATE, "an address outside can be reached");
	return OK;
}

/* What comes to the listener, and where it was meant to go, is what we sent. */
static enum err
check_captured(int family, const char *address, int listener, struct why *why)
{
	auto_fd int ours = -1;
	auto_fd int theirs = -1;
	union address wanted, meant = {0};
	struct pollfd wait = {.fd = listener, .events = POLLIN};
	socklen_t length = address_of(family, address, FAR_PORT, &wanted), got = sizeof(meant);

	if ((ours = connect_to(family, SOCK_STREAM, address, FAR_PORT)) < 0)
		return fail_errno(why, ERR_STATE, "TCP to %s is not captured", address);
	if (poll(&wait, 1, TRY_MS) != 1 || (theirs = accept4(listener, NULL, NULL, SOCK_CLOEXEC)) < 0)
		return fail(why, ERR_STATE, "TCP to %s goes elsewhere than to the proxy's listener", address);
	if (getsockname(theirs, &meant.any, &got) < 0)
		return fail_errno(why, ERR_STATE, "where TCP to %s was meant to go is not known", address);
	if (got != length || memcmp(&meant, &wanted, length) != 0)
		return fail(why, ERR_STATE, "TCP to %s is taken for another destination", address);
	return OK;
}

/* An error at once, or one that comes back. */
static bool
datagram_refused(int family, const char *address, uint16_t port)
{
	auto_fd int fd = connect_to(family, SOCK_DGRAM, address, port);
	struct pollfd wait = {.fd = fd, .events = POLLIN};
	char byte = 0;

	if (fd < 0 || send(fd, "x", 1, MSG_NOSIGNAL) < 0)
		return true;
	return poll(&wait, 1, TRY_MS) == 1 && recv(fd, &byte, 1, MSG_DONTWAIT) < 0;
}

/* An echo request, by the raw socket that the agent cannot have. */
static bool
echo_refused(int family, int protocol, const char *address)
{
	static const unsigned char echo[] = {8, 0, 0xf7, 0xff, 0, 0, 0, 0}, echo_6[] = {128, 0, 0, 0, 0, 0, 0, 0};
	auto_fd int fd = socket(family, SOCK_RAW | SOCK_CLOEXEC, protocol);
	union address at;
	socklen_t length = address_of(family, address, 0, &at);

	return fd >= 0 && sendto(fd, family == AF_INET ? echo : echo_6, 8, 0, &at.any, length) < 0;
}

static enum err
check_six(const struct network *network, struct why *why)
{
	auto_fd int out = -1;
	union address own;
	socklen_t length = sizeof(own);

	if (getsockname(network->fds[1], &own.any, &length) == 0 && own.any.sa_family == AF_INET6) {
		if (!datagram_refused(AF_INET6, FAR_6, FAR_PORT) || !datagram_refused(AF_INET6, FAR_6, 53) ||
		    !echo_refused(AF_INET6, IPPROTO_ICMPV6, FAR_6))
			return fail(why, ERR_STATE, "a datagram over IPv6 is not refused");
		return check_captured(AF_INET6, FAR_6, network->fds[1], why);
	}
	out = connect_to(AF_INET6, SOCK_DGRAM, FAR_6, FAR_PORT);
	return out < 0 ? OK : fail(why, ERR_STATE, "an address of IPv6 can be reached, and nobody listens for it");
}

static enum err
check_fence(const struct network *network, struct why *why)
{
	enum err r;

	if ((r = check_captured(AF_INET, FAR, network->fds[0], why)) != OK)
		return r;
	if (!datagram_refused(AF_INET, FAR, FAR_PORT))
		return fail(why, ERR_STATE, "a datagram is not refused");
	if (!echo_refused(AF_INET, IPPROTO_ICMP, FAR))
		return fail(why, ERR_STATE, "ICMP is not refused");
	return check_six(network, why);
}

enum err
network_check(const struct network *network, struct why *why)
{
	enum err r = only_lo(why);

	if (r == OK)
		r = network->fenced ? check_fence(network, why) : check_closed(why);
	if (network->fenced)
		refusals_forget(network->fds[NETWORK_REFUSALS]);
	return r;
}
