/* Notifications. The caller sleeps in the kernel meanwhile, so what is read of it is true until it is answered. */
#include "sandbox/policyd/notify.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/clean.h"
#include "common/base/log.h"
#include "common/bus/channel.h"

#define UNWRITTEN_MAX 64 /* numbers behind the last one that was written down */
#define CONNECT_FD    0	 /* which argument of connect */

_Static_assert(sizeof(struct stopped) <= CHANNEL_CONNECTS_BYTES, "the supervisor gives room for all of them");

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
 * A policyd that died may have left callers unanswered: those that were parked, the one in its hands, and perhaps one that was
 * not written down yet, whose number is a little higher. The kernel answers ENOENT or EINPROGRESS for what nobody has taken
 * (kernel/seccomp.c, 6.1). Without a record their sockets are nobody's.
 */
static void
release(const struct notify *notify, uint64_t id)
{
	struct seccomp_notif_resp answer = {.id = id, .flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE};

	if (ioctl(notify->fd, SECCOMP_IOCTL_NOTIF_SEND, &answer) == 0)
		log_info("notify.released", NULL);
}

static void
release_left(const struct notify *notify)
{
	const struct stopped *left = notify->stopped;

	if (left->taken == 0)
		return;
	for (size_t i = 0; i < PARKED_MAX; i++)
		release(notify, left->parked[i].id);
	for (uint64_t i = 0; i <= UNWRITTEN_MAX; i++)
		release(notify, left->taken + i);
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
	notify->stopped->parked[notify->parked_n].id = id;
	notify->stopped->parked[notify->parked_n].pid = pid;
	notify->stopped->parked[notify->parked_n++].descriptor = descriptor;
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
		uint64_t id = notify->stopped->parked[i].id;

		if (still_there(notify, id))
			handle(notify, id, notify->stopped->parked[i].pid, notify->stopped->parked[i].descriptor);
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
		notify->stopped->taken = one.id;
		handle(notify, one.id, (pid_t)one.pid, (uint32_t)one.data.args[CONNECT_FD]);
	}
	if ((events & EPOLLHUP) != 0)
		notify_end(notify); /* the last process with the filter is gone */
}

enum err
notify_begin(struct notify *notify, int fd, int memory, struct why *why)
{
	struct stat is;
	void *at;

	notify_end(notify);
	notify->fd = fd;
	if (fstat(memory, &is) < 0 || is.st_size < (off_t)sizeof(*notify->stopped) ||
	    (fcntl(memory, F_GET_SEALS) & F_SEAL_SHRINK) == 0)
		return fail(why, ERR_INVALID, "the memory that came for connects may shrink, or is too small");
	if ((at = mmap(NULL, sizeof(*notify->stopped), PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0)) == MAP_FAILED)
		return fail_errno(why, ERR_LIMIT, "the memory of connects");
	notify->stopped = at;
	release_left(notify);
	return loop_add(notify->loop, &notify->watch, fd, EPOLLIN, ready, notify, why);
}

void
notify_end(struct notify *notify)
{
	if (notify->stopped != NULL)
		munmap(notify->stopped, sizeof(*notify->stopped));
	notify->stopped = NULL;
	if (notify->fd < 0)
		return;
	loop_remove(notify->loop, &notify->watch);
	close(notify->fd);
	notify->fd = -1;
	notify->parked_n = 0;
}
