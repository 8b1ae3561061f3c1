/* The keeper, as credentials sees it: a process to which sockets are handed, and without which nothing can be fetched. */
#include "services/credentials/keeper.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/clean.h"
#include "common/os/child.h"

static enum err
program_path(char *to, size_t size, struct why *why)
{
	ssize_t n = readlink("/proc/self/exe", to, size - 1);
	char *slash;

	if (n <= 0)
		return fail_errno(why, ERR_SYSTEM, "readlink /proc/self/exe");
	to[n] = '\0';
	slash = strrchr(to, '/');
	if (slash == NULL || size - (size_t)(slash - to) < sizeof("/credentials-fetch"))
		return fail(why, ERR_SYSTEM, "no room for a path");
	snprintf(slash, size - (size_t)(slash - to), "/credentials-fetch");
	return OK;
}

enum err
keeper_start(struct credentials *credentials, struct why *why)
{
	const struct service_config *service = &credentials->config->service;
	char path[SERVICE_PATH_BYTES], uid[16], gid[16];
	const char *argv[] = {"credentials-fetch", "keeper", uid, gid, credentials->config->store_token_file, NULL};
	auto_fd int authorities = -1, theirs = -1;
	struct child_plan plan = {.path = credentials->config->fetch_program,
	    .argv = argv,
	    .fds = {-1, 2, 2},
	    .fds_count = 5,
	    .die_with_parent = true};
	struct child child;
	int pair[2];
	enum err r;

	if (plan.path[0] == '\0') {
		if ((r = program_path(path, sizeof(path), why)) != OK)
			return r;
		plan.path = path;
	}
	if (credentials->config->ca_file[0] != '\0' &&
	    (authorities = open(credentials->config->ca_file, O_RDONLY | O_CLOEXEC)) < 0)
		return fail_errno(why, ERR_SYSTEM, "ca_file %s", credentials->config->ca_file);
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return fail_errno(why, ERR_SYSTEM, "socketpair");
	credentials->keeper_fd = pair[0];
	theirs = pair[1];
	snprintf(uid, sizeof(uid), "%u", (unsigned)service->uid);
	snprintf(gid, sizeof(gid), "%u", (unsigned)service->gid);
	plan.fds[3] = theirs;
	plan.fds[4] = authorities;
	if ((r = child_start(&child, &plan, why)) != OK)
		return because(why, r, "the keeper of fetches");
	child_done(&child); /* its end is seen on the socket */
	return OK;
}

static void
keeper_ended(void *self, uint32_t events)
{
	struct credentials *credentials = self;

	(void)events;
	credentials->failed = fail(&credentials->why, ERR_UNAVAILABLE, "the keeper of fetches ended: the log says why");
	loop_remove(credentials->loop, &credentials->keeper);
	loop_stop(credentials->loop);
}

enum err
keeper_watch(struct credentials *credentials, struct why *why)
{
	return loop_add(
	    credentials->loop, &credentials->keeper, credentials->keeper_fd, EPOLLIN, keeper_ended, credentials, why);
}

void
keeper_done(struct credentials *credentials)
{
	loop_remove(credentials->loop, &credentials->keeper);
	clean_fd(&credentials->keeper_fd);
}

enum err
keeper_hand(struct credentials *credentials, int fd, bool ledger, struct why *why)
{
	const int fds[2] = {fd, credentials->append_fd};
	size_t bytes = ledger && fds[1] >= 0 ? sizeof(fds) : sizeof(fds[0]);
	struct iovec iov = {(char[]){'f'}, 1};
	union {
		char space[CMSG_SPACE(sizeof(fds))];
		struct cmsghdr align;
	} control = {0};
	struct msghdr header = {
	    .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = CMSG_SPACE(bytes)};

	*CMSG_FIRSTHDR(&header) =
	    (struct cmsghdr){.cmsg_len = CMSG_LEN(bytes), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
	memcpy(CMSG_DATA(CMSG_FIRSTHDR(&header)), fds, bytes);
	if (sendmsg(credentials->keeper_fd, &header, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		return fail_errno(why, ERR_LIMIT, "hand a socket to the keeper");
	return OK;
}
