/* Notifications. The caller sleeps in the kernel meanwhile, so what is read of it is true until it is answered. */
#include "sandbox/policyd/notify.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "common/base/clean.h"
#include "common/base/log.h"

#define RELEASE_MAX 64
#define CONNECT_FD  0 /* which argument of connect */

static void
go_on(struct notify *notify, uint64_t id)
{
	struct seccomp_notif_resp answer = {.id = id, .flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE};

	/* ENOENT: the caller died or was interrupted, and asks again where it lives. */
	if (ioctl(notify->fd, SECCOMP_IOCTL_NOTIF_SEND, &answer) < 0 && errno != ENOENT)
		log_warning("notify.unanswered", "errno=%d", errno);
	notify->answered++;
}

/*
 * A policyd that died may have left callers unanswered. The kernel numbers notifications in order, so those before
 * the first one that we see are let go; without a record their sockets are nobody's.
 */
static void
release_older(struct notify *notify, uint64_t id)
{
	struct seccomp_notif_resp answer = {.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE};

	if (notify->first_seen)
		return;
	notify->first_seen = true;
	for (uint64_t i = 1; i <= RELEASE_MAX; i++) {
		answer.id = id - i;
		if (ioctl(notify->fd, SECCOMP_IOCTL_NOTIF_SEND, &answer) == 0)
			log_info("notify.released", NULL);
	}
}

static bool
still_there(struct notify *notify, uint64_t id)
{
	return ioctl(notify->fd, SECCOMP_IOCTL_NOTIF_ID_VALID, &id) == 0;
}

/*
 * Who is it? OK: noted, or there is nothing to note; ERR_MORE a hash is being made. dir stays the caller's own while
 * its notification is valid: the look at that comes after all others.
 */
static enum err
note(struct notify *notify, uint64_t id, pid_t pid, uint32_t descriptor)
{
	struct identity *identity = NULL;
	struct proc_fdinfo info;
	auto_fd int dir = -1;
	char number[16];
	struct why why;
	enum err r;

	snprintf(number, sizeof(number), "%u", descriptor);
	if ((r = proc_open(pid, &dir, &why)) != OK || (r = proc_descriptor(dir, number, &info, &why)) != OK) {
		notify->unnoted += r != ERR_NOT_FOUND; /* no such descriptor: connect will say so */
		return OK;
	}
	if (info.mount != notify->socket_mount)
		return OK;
	if ((r = identity_of(notify->identities, dir, &identity, &why)) == ERR_MORE)
		return r;
	if (still_there(notify, id))
		record_put(notify->records, info.inode, identity, pid);
	identity_unref(notify->identities, identity);
	return OK;
}

static void
park(struct notify *notify, uint64_t id, pid_t pid, uint32_t descriptor)
{
	if (notify->parked_n == PARKED_MAX) {
		notify->unnoted++;
		go_on(notify, id);
		return;
	}
	notify->parked[notify->parked_n].id = id;
	notify->parked[notify->parked_n].pid = pid;
	notify->parked[notify->parked_n++].descriptor = descriptor;
}

static void
handle(struct notify *notify, uint64_t id, pid_t pid, uint32_t descriptor)
{
	if (pid != 0 && note(notify, id, pid, descriptor) == ERR_MORE)
		park(notify, id, pid, descriptor);
	else
		go_on(notify, id);
}

void
notify_again(struct notify *notify)
{
	size_t n = notify->parked_n;

	/* What must wait once more is parked anew, behind those that are left. */
	notify->parked_n = 0;
	for (size_t i = 0; i < n; i++) {
		uint64_t id = notify->parked[i].id;

		if (still_there(notify, id))
			handle(notify, id, notify->parked[i].pid, notify->parked[i].descriptor);
	}
}

static void
ready(void *self, uint32_t events)
{
	struct notify *notify = self;
	struct seccomp_notif one;

	/* One a turn: it does not wait, as epoll said that one is there; whether there is another, only epoll knows. */
	memset(&one, 0, sizeof(one));
	if ((events & EPOLLIN) != 0 && ioctl(notify->fd, SECCOMP_IOCTL_NOTIF_RECV, &one) == 0) {
		release_older(notify, one.id);
		handle(notify, one.id, (pid_t)one.pid, (uint32_t)one.data.args[CONNECT_FD]);
	}
	if ((events & EPOLLHUP) != 0)
		notify_end(notify); /* the last process with the filter is gone */
}

enum err
notify_begin(struct notify *notify, int fd, struct why *why)
{
	notify_end(notify);
	notify->fd = fd;
	return loop_add(notify->loop, &notify->watch, fd, EPOLLIN, ready, notify, why);
}

void
notify_end(struct notify *notify)
{
	if (notify->fd < 0)
		return;
	loop_remove(notify->loop, &notify->watch);
	close(notify->fd);
	notify->fd = -1;
	notify->parked_n = 0;
	notify->first_seen = false;
}
