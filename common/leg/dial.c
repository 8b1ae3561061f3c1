/* Dialling: one socket at a time. */
#include "common/leg/dial.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "common/base/clean.h"
#include "common/base/clock.h"

#define ATTEMPT_MS 5000 /* for one address, where others are left */

struct dial {
	struct loop *loop;
	uint16_t port;
	uint64_t until_ms;
	dial_done *done;
	void *self;
	int fd; /* being connected, or -1 */
	struct watch watch;
	struct timer timer;
	struct why why; /* of the last address */
	size_t next, n;
	struct address addresses[];
};

void
dial_cancel(struct dial *dial)
{
	if (dial == NULL)
		return;
	loop_timer_stop(dial->loop, &dial->timer);
	loop_remove(dial->loop, &dial->watch);
	clean_fd(&dial->fd);
	free(dial);
}

static void
finish(struct dial *dial, enum err r, int fd)
{
	dial_done *done = dial->done;
	void *self = dial->self;
	size_t which = dial->next - 1;
	struct why why = dial->why;

	dial_cancel(dial);
	done(self, r, fd, which, &why);
}

static void dial_next(void *self);

static void
attempt_failed(struct dial *dial)
{
	loop_timer_stop(dial->loop, &dial->timer);
	loop_remove(dial->loop, &dial->watch);
	clean_fd(&dial->fd);
	dial_next(dial);
}

static void
attempt_late(void *self)
{
	struct dial *dial = self;

	fail(&dial->why, ERR_TIMEOUT, "it does not answer");
	attempt_failed(dial);
}

static void
attempt_ready(void *self, uint32_t events)
{
	struct dial *dial = self;
	int error = 0;
	socklen_t length = sizeof(error);

	(void)events;
	getsockopt(dial->fd, SOL_SOCKET, SO_ERROR, &error, &length);
	if (error != 0) {
		errno = error;
		fail_errno(&dial->why, ERR_UNAVAILABLE, "connect");
		attempt_failed(dial);
		return;
	}
	loop_remove(dial->loop, &dial->watch);
	finish(dial, OK, fd_take(&dial->fd));
}

static socklen_t
socket_address(const struct address *from, uint16_t port, struct sockaddr_storage *out)
{
	struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(port)};
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};

	if (from->length == 4) {
		memcpy(&v4.sin_addr, from->bytes, 4);
		memcpy(out, &v4, sizeof(v4));
		return sizeof(v4);
	}
	memcpy(&v6.sin6_addr, from->bytes, 16);
	memcpy(out, &v6, sizeof(v6));
	return sizeof(v6);
}

static bool
attempt(struct dial *dial, const struct address *address)
{
	struct sockaddr_storage to = {0};
	socklen_t length = socket_address(address, dial->port, &to);
	int on = 1;

	dial->fd = socket(to.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (dial->fd < 0) {
		fail_errno(&dial->why, ERR_UNAVAILABLE, "socket");
		return false;
	}
	setsockopt(dial->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	setsockopt(dial->fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	if (connect(dial->fd, (struct sockaddr *)&to, length) < 0 && errno != EINPROGRESS) {
		fail_errno(&dial->why, ERR_UNAVAILABLE, "connect");
		clean_fd(&dial->fd);
		return false;
	}
	if (loop_add(dial->loop, &dial->watch, dial->fd, EPOLLOUT, attempt_ready, dial, &dial->why) == OK)
		return true;
	clean_fd(&dial->fd);
	return false;
}

static void
dial_next(void *self)
{
	struct dial *dial = self;
	uint64_t now = clock_ms(), left = dial->until_ms > now ? dial->until_ms - now : 0;

	while (left > 0 && dial->next < dial->n)
		if (attempt(dial, &dial->addresses[dial->next++])) {
			if (dial->next < dial->n && left > ATTEMPT_MS)
				left = ATTEMPT_MS;
			loop_timer_set(dial->loop, &dial->timer, left, attempt_late, dial);
			return;
		}
	finish(dial, left > 0 ? ERR_UNAVAILABLE : ERR_TIMEOUT, -1);
}

struct dial *
dial_begin(struct loop *loop, const struct address *addresses, size_t n, uint16_t port, uint32_t deadline_ms,
    dial_done *done, void *self)
{
	struct dial *dial = calloc(1, sizeof(*dial) + n * sizeof(*addresses));

	if (dial == NULL)
		abort();
	dial->loop = loop;
	dial->port = port;
	dial->until_ms = clock_ms() + deadline_ms;
	dial->done = done;
	dial->self = self;
	dial->fd = -1;
	dial->n = n;
	memcpy(dial->addresses, addresses, n * sizeof(*addresses));
	loop_timer_set(loop, &dial->timer, 0, dial_next, dial);
	return dial;
}
