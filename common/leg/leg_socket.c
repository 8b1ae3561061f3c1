/* Legs: reading, writing and watching of a socket; what TLS adds is in leg_tls.c. */
#include "common/leg/leg.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/leg/leg_inside.h"

static void socket_ready(void *self, uint32_t events);

struct leg *
leg_new(struct loop *loop, int fd)
{
	struct leg *leg = calloc(1, sizeof(*leg));

	if (leg == NULL)
		abort();
	leg->loop = loop;
	leg->fd = fd;
	return leg;
}

/* ---- watching ---- */

static bool
has_bytes(const struct leg *leg)
{
	return leg->unread_length > leg->unread_at || leg->held;
}

static void
again_fired(void *self)
{
	struct leg *leg = self;

	if (leg->hung_up && leg->ready != NULL) {
		leg->ready(leg->self, EPOLLHUP);
		return;
	}
	if ((leg->wanted & EPOLLIN) == 0 || !has_bytes(leg))
		return;
	loop_timer_set(leg->loop, &leg->again, 0, again_fired, leg);
	leg->ready(leg->self, EPOLLIN);
}

static uint32_t
socket_events(const struct leg *leg)
{
	uint32_t events = leg->finishing ? EPOLLOUT : 0;

	if (leg->shaken != NULL)
		return leg->read_needs_room ? EPOLLOUT : EPOLLIN;
	if ((leg->wanted & EPOLLIN) != 0)
		events |= leg->read_needs_room ? EPOLLOUT : EPOLLIN;
	if ((leg->wanted & EPOLLOUT) != 0)
		events |= leg->write_needs_bytes ? EPOLLIN : EPOLLOUT;
	return events;
}

void
leg_arm(struct leg *leg)
{
	struct why why;

	if (leg->watch.active)
		loop_change(leg->loop, &leg->watch, socket_events(leg));
	else if (loop_add(leg->loop, &leg->watch, leg->fd, socket_events(leg), socket_ready, leg, &why) != OK) {
		leg->hung_up = true; /* the kernel has no room to watch it: as good as gone */
		loop_timer_set(leg->loop, &leg->again, 0, again_fired, leg);
	}
}

/* The socket's readiness in the owner's terms. */
static uint32_t
owner_events(struct leg *leg, uint32_t events)
{
	uint32_t tell = 0;
	uint32_t reads = leg->read_needs_room ? EPOLLOUT : EPOLLIN;
	uint32_t writes = leg->write_needs_bytes ? EPOLLIN : EPOLLOUT;

	if ((events & (EPOLLHUP | EPOLLERR)) != 0)
		tell |= EPOLLHUP | (leg->wanted & (EPOLLIN | EPOLLOUT));
	if ((leg->wanted & EPOLLIN) != 0 && (events & reads) != 0)
		tell |= EPOLLIN;
	if ((leg->wanted & EPOLLOUT) != 0 && (events & writes) != 0)
		tell |= EPOLLOUT;
	return tell;
}

static void
socket_ready(void *self, uint32_t events)
{
	struct leg *leg = self;
	uint32_t tell;

	if (leg->shaken != NULL) {
		leg_tls_shake(leg);
		return;
	}
	if (leg->finishing)
		leg_finish(leg);
	tell = owner_events(leg, events);
	if ((tell & EPOLLHUP) != 0 && leg->wanted == 0) {
		loop_remove(leg->loop, &leg->watch); /* it would be told for ever */
		leg->hung_up = true;
	}
	if (tell != 0 && leg->ready != NULL)
		leg->ready(leg->self, tell);
}

void
leg_watch(struct leg *leg, uint32_t events, void (*ready)(void *self, uint32_t events), void *self)
{
	leg->wanted = events & (EPOLLIN | EPOLLOUT);
	leg->ready = ready;
	leg->self = self;
	if (!leg->hung_up || leg->wanted != 0) {
		leg->hung_up = false;
		leg_arm(leg);
	}
	if ((leg->wanted & EPOLLIN) != 0 && has_bytes(leg) && leg->again.place == 0)
		loop_timer_set(leg->loop, &leg->again, 0, again_fired, leg);
}

/* ---- bytes ---- */

static size_t
unread_take(struct leg *leg, void *to, size_t room)
{
	size_t n = leg->unread_length - leg->unread_at;

	if (n > room)
		n = room;
	memcpy(to, leg->unread + leg->unread_at, n);
	if ((leg->unread_at += n) == leg->unread_length) {
		free(leg->unread);
		leg->unread = NULL;
		leg->unread_at = leg->unread_length = 0;
	}
	return n;
}

static enum err
plain_read(struct leg *leg, void *to, size_t room, size_t *got, struct why *why)
{
	ssize_t n;

	do
		n = recv(leg->fd, to, room, MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EAGAIN || errno == EWOULDBLOCK ? ERR_MORE : fail_errno(why, ERR_UNAVAILABLE, "read");
	*got = (size_t)n;
	return OK;
}

enum err
leg_read(struct leg *leg, void *to, size_t room, size_t *got, struct why *why)
{
	enum err r = OK;

	*got = 0;
	if (leg->abandoned)
		return fail(why, ERR_UNAVAILABLE, "its TLS was given up");
	if (leg->unread_length > leg->unread_at)
		*got = unread_take(leg, to, room);
	else if (leg->ssl != NULL)
		r = leg_tls_read(leg, to, room, got, why);
	else
		r = plain_read(leg, to, room, got, why);
	if (!has_bytes(leg))
		loop_timer_stop(leg->loop, &leg->again);
	else if (leg->again.place == 0 && (leg->wanted & EPOLLIN) != 0)
		loop_timer_set(leg->loop, &leg->again, 0, again_fired, leg);
	return r;
}

enum err
leg_write(struct leg *leg, const void *bytes, size_t length, size_t *put, struct why *why)
{
	ssize_t n;

	*put = 0;
	if (length == 0)
		return OK;
	if (leg->ssl != NULL)
		return leg_tls_write(leg, bytes, length, put, why);
	do
		n = send(leg->fd, bytes, length, MSG_NOSIGNAL | MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EAGAIN || errno == EWOULDBLOCK ? ERR_MORE : fail_errno(why, ERR_UNAVAILABLE, "write");
	*put = (size_t)n;
	return OK;
}

enum err
leg_unread(struct leg *leg, struct span bytes, struct why *why)
{
	size_t kept = leg->unread_length - leg->unread_at;
	char *all;

	if (bytes.length > LEG_UNREAD_MAX - kept)
		return fail(why, ERR_LIMIT, "over %d bytes put back", LEG_UNREAD_MAX);
	if (bytes.length == 0)
		return OK;
	if ((all = malloc(bytes.length + kept)) == NULL)
		abort();
	memcpy(all, bytes.at, bytes.length);
	if (kept > 0)
		memcpy(all + bytes.length, leg->unread + leg->unread_at, kept);
	free(leg->unread);
	leg->unread = all;
	leg->unread_at = 0;
	leg->unread_length = bytes.length + kept;
	return OK;
}

void
leg_finish(struct leg *leg)
{
	bool sent = leg->ssl == NULL || leg_tls_finish(leg);

	if (leg->shaken != NULL) { /* nobody waits for it any more, and nothing else can be done with it */
		leg->shaken = NULL;
		leg->abandoned = true;
		loop_timer_stop(leg->loop, &leg->deadline);
	}
	if (leg->finishing != !sent) {
		leg->finishing = !sent;
		leg_arm(leg);
	}
	if (sent)
		shutdown(leg->fd, SHUT_WR);
}

bool
leg_tls(const struct leg *leg)
{
	return leg->ssl != NULL;
}

struct ssl_st *
leg_ssl(const struct leg *leg)
{
	return leg->ssl;
}

int
leg_fd(const struct leg *leg)
{
	return leg->fd;
}

void
leg_close(struct leg *leg)
{
	if (leg == NULL)
		return;
	loop_timer_stop(leg->loop, &leg->again);
	loop_timer_stop(leg->loop, &leg->deadline);
	loop_remove(leg->loop, &leg->watch);
	leg_tls_free(leg);
	close(leg->fd);
	free(leg->unread);
	free(leg);
}
