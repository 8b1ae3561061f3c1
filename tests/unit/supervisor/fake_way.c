/*
 * policyd and a proxy with no judgement: what the supervisor must do for the real ones, and what the agent's network does,
 * can be seen without them. Which of the two it is, its name says.
 *
 * policyd  lets every connect go on; refuses a policy whose revision is 13
 * proxy    tells each connection where it was meant to go, "transparent ADDRESS PORT" or "explicit"; answers "name" to
 *          every datagram; writes "PROXY ..." about what it is told
 */
#include <arpa/inet.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/clean.h"
#include "common/base/log.h"
#include "common/bus/channel.h"

static struct {
	struct loop *loop;
	struct bus bus;
	struct peer *supervisor;
	struct watch listener, sockets[6];
	int fds[6];
	size_t index[6];
	unsigned names;
} me;

/* ---- policyd ---- */

static void
connect_asked(void *self, uint32_t events)
{
	struct seccomp_notif asked = {0};
	struct seccomp_notif_resp answer = {.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE};

	(void)self;
	(void)events;
	if (ioctl(me.listener.fd, SECCOMP_IOCTL_NOTIF_RECV, &asked) < 0)
		return;
	answer.id = asked.id;
	ioctl(me.listener.fd, SECCOMP_IOCTL_NOTIF_SEND, &answer);
}

static enum err
policyd_setup(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	(void)self;
	if (m->fds_n != 4)
		return fail(why, ERR_PROTOCOL, "%zu descriptors", m->fds_n);
	answer->id = DONE;
	return loop_add(me.loop, &me.listener, fd_take(&m->fds[0]), EPOLLIN, connect_asked, NULL, why);
}

static enum err
policy_load(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	static uint64_t generation;

	(void)self;
	if (m->policy_load.version == 13)
		return fail(why, ERR_INVALID, "13 is no number");
	dprintf(2, "POLICY %u\n", m->policy_load.version);
	answer->id = POLICY_LOADED;
	answer->policy_loaded.generation = ++generation;
	return OK;
}

static enum err
policy_close(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	(void)self;
	(void)why;
	dprintf(2, "POLICY closed by %u: %.*s\n", m->policy_close.version, SPAN_ARGS(m->policy_close.reason));
	answer->id = POLICY_LOADED;
	answer->policy_loaded.generation = 1;
	return OK;
}

/* ---- the proxy ---- */

static enum err
proxy_setup(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	(void)self;
	(void)why;
	dprintf(2, "PROXY setup anchors=%d resolvers=%zu hosts=%d key=%.*s\n",
	    m->fds_n == 1 && lseek(m->fds[0], 0, SEEK_END) >= 0, m->proxy_setup.resolvers_n, m->proxy_setup.hosts_n > 0,
	    SPAN_ARGS(m->proxy_setup.ca_key));
	answer->id = PROXY_READY;
	answer->proxy_ready.ca_key = SPAN("secret");
	answer->proxy_ready.ca_certificate = SPAN("-----BEGIN CERTIFICATE-----\nours\n-----END CERTIFICATE-----\n");
	return OK;
}

static void
accepted(int fd, size_t which)
{
	union {
		struct sockaddr any;
		struct sockaddr_in four;
		struct sockaddr_in6 six;
	} at = {0};
	socklen_t length = sizeof(at);
	bool four = which == 0;
	char text[64] = "?";

	if (which > 1) {
		dprintf(fd, "%s\n", which == 2 ? "explicit" : "names");
		return;
	}
	if (getsockname(fd, &at.any, &length) == 0)
		inet_ntop(four ? AF_INET : AF_INET6, four ? (void *)&at.four.sin_addr : (void *)&at.six.sin6_addr, text,
		    sizeof(text));
	dprintf(fd, "transparent %s %u\n", text, ntohs(at.four.sin_port));
}

/* The answer comes from where the question went: what recvmsg says beside it, sendmsg takes. */
static void
answer_name(void)
{
	char bytes[512], beside[64];
	struct iovec part = {.iov_base = bytes, .iov_len = sizeof(bytes)};
	struct sockaddr_storage from;
	struct msghdr m = {.msg_name = &from,
	    .msg_namelen = sizeof(from),
	    .msg_iov = &part,
	    .msg_iovlen = 1,
	    .msg_control = beside,
	    .msg_controllen = sizeof(beside)};

	if (recvmsg(me.fds[3], &m, 0) < 0)
		return;
	part = (struct iovec){.iov_base = (char *)"name", .iov_len = 4};
	if (sendmsg(me.fds[3], &m, 0) < 0)
		dprintf(2, "PROXY cannot answer\n");
}

static void
socket_ready(void *self, uint32_t events)
{
	size_t which = *(size_t *)self;
	auto_fd int fd = -1;

	(void)events;
	if (which == 3) {
		answer_name();
		return;
	}
	if ((fd = accept4(me.fds[which], NULL, NULL, SOCK_CLOEXEC)) >= 0)
		accepted(fd, which);
}

static enum err
proxy_listen(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	static const struct span names[] = {
	    SPAN("198.18.0.1 one.example"), SPAN("198.18.0.2 two.example"), SPAN("198.18.0.1 other.example")};
	struct msg told = {.id = PROXY_NAMES, .proxy_names = {(struct span *)(uintptr_t)names, COUNT(names)}};
	enum err r = OK;
	int on = 1;

	(void)self;
	if (m->fds_n == COUNT(me.fds) && setsockopt(m->fds[3], IPPROTO_IP, IP_PKTINFO, &on, sizeof(on)) < 0)
		return fail_errno(why, ERR_SYSTEM, "IP_PKTINFO");
	for (size_t i = 0; r == OK && i < COUNT(me.fds) && m->fds_n == COUNT(me.fds); i++) {
		me.index[i] = i;
		me.fds[i] = fd_take(&m->fds[i]);
		r = loop_add(me.loop, &me.sockets[i], me.fds[i], EPOLLIN, socket_ready, &me.index[i], why);
	}
	dprintf(2, "PROXY listens fds=%zu names=%u\n", m->fds_n, me.names);
	answer->id = DONE;
	return r == OK ? peer_tell(me.supervisor, &told, why) : r;
}

static enum err
proxy_names(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	(void)self;
	(void)answer;
	(void)why;
	me.names += (unsigned)m->proxy_names.names_n;
	return OK;
}

static enum err
channel_give(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	(void)self;
	(void)answer;
	(void)why;
	dprintf(2, "GIVEN %s %s\n", me.bus.name, role_name(m->channel_give.role));
	return OK;
}

/* clang-format off */
static const struct route routes[] = {
	{POLICYD_SETUP, policyd_setup, 0, 0},
	{POLICY_LOAD, policy_load, 0, 0},
	{POLICY_CLOSE, policy_close, 0, 0},
	{PROXY_SETUP, proxy_setup, 0, 0},
	{PROXY_LISTEN, proxy_listen, 0, 0},
	{PROXY_NAMES, proxy_names, 0, 0},
	{CHANNEL_GIVE, channel_give, 0, 0},
	{0},
};
/* clang-format on */

static void
down(void *self, struct peer *peer, const struct why *why)
{
	(void)self;
	(void)why;
	if (peer == me.supervisor)
		loop_stop(me.loop);
}

int
main(int argc, char **argv)
{
	const char *name = argc > 0 ? argv[0] : "";
	struct why why = {0};

	log_open(name, LOG_LEVEL_INFO);
	if (loop_new(&me.loop, &why) != OK)
		return 1;
	me.bus = (struct bus){.loop = me.loop,
	    .role = strcmp(name, "proxy") == 0 ? ROLE_PROXY : ROLE_POLICYD,
	    .name = name,
	    .routes = routes,
	    .peer_down = down};
	bus_init(&me.bus);
	if (channel_open(&me.bus, ROLE_SUPERVISOR, "supervisor", 3, &me.supervisor, &why) != OK)
		return 1;
	return loop_run(me.loop, &why) != OK;
}
