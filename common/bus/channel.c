/* Channels: SOCK_SEQPACKET with fragments (one byte in front: 1 more follows, 0 the last) and descriptors on the last.
 */
#include "common/bus/channel.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/clean.h"
#include "common/base/clock.h"

#define FRAGMENT_BYTES	32768u
#define QUEUE_MAX_BYTES (8u << 20)
#define AWAIT_MS	10000

/* A packet that the socket had no room for. */
struct packet {
	struct list link;
	int fds[MSG_FDS_MAX];
	size_t fds_n, length;
	char bytes[];
};

struct channel {
	int fd;
	struct watch watch;
	struct peer *peer;
	struct list queue;
	size_t queued_bytes;
	char *whole; /* fragments so far */
	size_t whole_length, whole_room;
	bool closed;
};

enum err
channel_pair(int *ours, int *theirs, struct why *why)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0)
		return fail_errno(why, ERR_SYSTEM, "socketpair");
	*ours = pair[0];
	*theirs = pair[1];
	return OK;
}

static void
packet_free(struct channel *channel, struct packet *packet)
{
	list_remove(&packet->link);
	channel->queued_bytes -= packet->length;
	for (size_t i = 0; i < packet->fds_n; i++)
		close(packet->fds[i]);
	explicit_bzero(packet->bytes, packet->length);
	free(packet);
}

static void
channel_close(struct channel *channel)
{
	struct packet *packet;

	if (channel->closed)
		return;
	channel->closed = true;
	loop_remove(channel->peer->bus->loop, &channel->watch);
	close(channel->fd);
	list_each(packet, &channel->queue, struct packet, link)
		packet_free(channel, packet);
}

static void
channel_ended(struct channel *channel, const char *words)
{
	struct why why = {0};

	if (channel->closed)
		return;
	fail(&why, ERR_UNAVAILABLE, "%s", words);
	channel_close(channel);
	peer_is_down(channel->peer, &why);
}

static void
channel_cut(struct peer *peer)
{
	channel_ended(peer->wire, "it broke the rules or was ended");
}

static void
channel_free(struct peer *peer)
{
	struct channel *channel = peer->wire;

	channel_close(channel);
	free(channel->whole);
	free(channel);
}

static bool
send_packet(int fd, const char *bytes, size_t length, const int *fds, size_t fds_n)
{
	struct iovec iov = {(char *)bytes, length};
	union {
		char space[CMSG_SPACE(sizeof(int) * MSG_FDS_MAX)];
		struct cmsghdr align;
	} control = {0};
	struct msghdr header = {.msg_iov = &iov, .msg_iovlen = 1};

	if (fds_n > 0) {
		header.msg_control = &control;
		header.msg_controllen = CMSG_SPACE(sizeof(int) * fds_n);
		*CMSG_FIRSTHDR(&header) = (struct cmsghdr){
		    .cmsg_len = CMSG_LEN(sizeof(int) * fds_n), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
		memcpy(CMSG_DATA(CMSG_FIRSTHDR(&header)), fds, sizeof(int) * fds_n);
	}
	return sendmsg(fd, &header, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0;
}

static enum err
queue_packet(struct channel *channel, const char *bytes, size_t length, const int *fds, size_t fds_n, struct why *why)
{
	struct packet *packet;

	if ((packet = malloc(sizeof(*packet) + length)) == NULL)
		abort();
	packet->length = length;
	packet->fds_n = 0;
	packet->link = (struct list){0};
	memcpy(packet->bytes, bytes, length);
	list_append(&channel->queue, &packet->link);
	channel->queued_bytes += length;
	for (; packet->fds_n < fds_n; packet->fds_n++)
		if ((packet->fds[packet->fds_n] = fcntl(fds[packet->fds_n], F_DUPFD_CLOEXEC, 3)) < 0) {
			packet_free(channel, packet);
			return fail_errno(why, ERR_LIMIT, "keep a descriptor for %s", channel->peer->name);
		}
	loop_change(channel->peer->bus->loop, &channel->watch, EPOLLIN | EPOLLOUT);
	return OK;
}

static enum err
send_fragment(struct channel *channel, const char *bytes, size_t length, const int *fds, size_t fds_n, struct why *why)
{
	if (list_empty(&channel->queue) && send_packet(channel->fd, bytes, length, fds, fds_n))
		return OK;
	if (list_empty(&channel->queue) && errno != EAGAIN && errno != EWOULDBLOCK && errno != ENOBUFS)
		return fail_errno(why, ERR_UNAVAILABLE, "send to %s", channel->peer->name);
	return queue_packet(channel, bytes, length, fds, fds_n, why);
}

static enum err
channel_send(struct peer *peer, struct span bytes, const int *fds, size_t fds_n, struct why *why)
{
	struct channel *channel = peer->wire;
	char packet[1 + FRAGMENT_BYTES];
	enum err r;

	if (channel->closed)
		return fail(why, ERR_UNAVAILABLE, "%s is gone", peer->name);
	/* All of it, or nothing: what follows half a message would be read as its rest. */
	if (channel->queued_bytes > 0 && channel->queued_bytes + bytes.length > QUEUE_MAX_BYTES)
		return fail(why, ERR_LIMIT, "%s does not read what it is sent", peer->name);
	do {
		struct span part = span_head(bytes, FRAGMENT_BYTES);

		bytes = span_tail(bytes, part.length);
		packet[0] = bytes.length > 0;
		memcpy(packet + 1, part.at, part.length);
		r = send_fragment(channel, packet, 1 + part.length, fds, bytes.length > 0 ? 0 : fds_n, why);
	} while (r == OK && bytes.length > 0);
	return r;
}

static const struct transport channel_transport = {channel_send, channel_cut, channel_free};

static void
flush(struct channel *channel)
{
	struct packet *packet;

	list_each(packet, &channel->queue, struct packet, link) {
		if (!send_packet(channel->fd, packet->bytes, packet->length, packet->fds, packet->fds_n))
			return;
		packet_free(channel, packet);
	}
	loop_change(channel->peer->bus->loop, &channel->watch, EPOLLIN);
}

static bool
whole_add(struct channel *channel, const char *bytes, size_t length)
{
	if (channel->whole_length + length > MSG_BYTES_MAX)
		return false;
	if (channel->whole_room - channel->whole_length < length) {
		channel->whole_room = (channel->whole_length + length) * 2;
		if ((channel->whole = realloc(channel->whole, channel->whole_room)) == NULL)
			abort();
	}
	memcpy(channel->whole + channel->whole_length, bytes, length);
	channel->whole_length += length;
	return true;
}

static void
close_all(const int *fds, size_t n)
{
	for (size_t i = 0; i < n; i++)
		close(fds[i]);
}

static void
got_packet(struct channel *channel, const char *packet, size_t length, int *fds, size_t fds_n)
{
	struct span bytes = span_of_bytes(packet + 1, length - 1);

	if (packet[0] != 0 || channel->whole_length > 0) {
		if (!whole_add(channel, bytes.at, bytes.length)) {
			close_all(fds, fds_n);
			channel_ended(channel, "a message was too long");
			return;
		}
		bytes = span_of_bytes(channel->whole, channel->whole_length);
	}
	if (packet[0] != 0) {
		close_all(fds, fds_n);
		return;
	}
	peer_receive(channel->peer, bytes, fds, fds_n);
	explicit_bzero((char *)(uintptr_t)bytes.at, bytes.length); /* it may have held a key or a token */
	free(channel->whole);
	channel->whole = NULL;
	channel->whole_length = channel->whole_room = 0;
}

/* Returns what recvmsg returned; descriptors are in fds. */
static ssize_t
receive_packet(int fd, char *packet, size_t size, int *fds, size_t *fds_n)
{
	struct iovec iov = {packet, size};
	union {
		char space[CMSG_SPACE(sizeof(int) * MSG_FDS_MAX)];
		struct cmsghdr align;
	} control;
	struct msghdr header = {
	    .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)};
	ssize_t n = recvmsg(fd, &header, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
	struct cmsghdr *c;

	*fds_n = 0;
	if (n < 0 || (c = CMSG_FIRSTHDR(&header)) == NULL)
		return n;
	if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS) {
		*fds_n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		memcpy(fds, CMSG_DATA(c), *fds_n * sizeof(int));
	}
	return n;
}

static void
channel_ready(void *self, uint32_t events)
{
	struct channel *channel = self;
	struct peer *peer = peer_ref(channel->peer);
	char packet[1 + FRAGMENT_BYTES];
	int fds[MSG_FDS_MAX];
	size_t fds_n;
	ssize_t n = 1;

	if (events & EPOLLOUT)
		flush(channel);
	for (int i = 0; i < 64 && !channel->closed; i++) {
		n = receive_packet(channel->fd, packet, sizeof(packet), fds, &fds_n);
		if (n <= 0)
			break;
		got_packet(channel, packet, (size_t)n, fds, fds_n);
	}
	if (!channel->closed && (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)))
		channel_ended(channel, n == 0 ? "it closed its end" : strerror(errno));
	peer_unref(peer);
}

enum err
channel_open(struct bus *bus, enum role role, const char *name, int fd, struct peer **out, struct why *why)
{
	struct channel *channel = calloc(1, sizeof(*channel));
	enum err r;

	if (channel == NULL)
		abort();
	channel->fd = fd;
	list_init(&channel->queue);
	if (fcntl(fd, F_SETFL, O_NONBLOCK) < 0 || fcntl(fd, F_SETFD, FD_CLOEXEC) < 0 ||
	    (r = loop_add(bus->loop, &channel->watch, fd, EPOLLIN, channel_ready, channel, why)) != OK) {
		close(fd);
		free(channel);
		return fail_errno(why, ERR_SYSTEM, "channel to %s", name);
	}
	*out = channel->peer = peer_new(bus, role, name, &channel_transport, channel);
	peer_is_up(channel->peer);
	return OK;
}

static void
late(void *self)
{
	loop_stop(self);
}

enum err
channel_await(struct loop *loop, const struct peer *peer, const bool *told, const char *unsaid, struct why *why)
{
	struct timer deadline = {0};
	uint64_t until = clock_ms() + AWAIT_MS;
	enum err r = OK;

	loop_timer_set(loop, &deadline, AWAIT_MS, late, loop);
	while (r == OK && !*told && peer->up && clock_ms() < until)
		r = loop_turn(loop, -1, why);
	loop_timer_stop(loop, &deadline);
	if (r == OK && !*told)
		r = fail(why, ERR_TIMEOUT, "the %s did not say %s", peer->name, unsaid);
	return r;
}
