/* Forwards: socket from the supervisor, connect, accept the channel, pump; or the other way round for what came to a
 * listener. */
#include "sandbox/sshd/forward.h"

#include <errno.h>
#include <fcntl.h>
#include <libssh/server.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/clean.h"
#include "common/base/log.h"
#include "sandbox/sshd/loopback.h"
#include "sandbox/sshd/pump.h"

#define MAKE_MS 8000

struct forward {
	struct lane *lane;
	ssh_message open; /* to be answered; NULL: it has been, or there is none */
	uint64_t call;	  /* socket_make that is not answered */
	uint16_t port;
	bool six, named; /* named: ::1 is tried where 127.0.0.1 refuses */
	int fd;		 /* until pumps have it */
	struct watch connecting;
	struct inlet in;
	struct outlet out;
	bool in_ended, out_ended;
	/* of one that came to a listener */
	char address[ADDRESS_BYTES];
	uint16_t from_port;
};

static void
forward_free(struct forward *forward)
{
	struct sshd *sshd = forward->lane->sshd;

	call_cancel(sshd->supervisor, forward->call);
	loop_remove(sshd->loop, &forward->connecting);
	inlet_close(&forward->in);
	outlet_close(&forward->out);
	clean_fd(&forward->fd);
	SSH_MESSAGE_FREE(forward->open);
	free(forward);
}

static void
forward_gone(struct lane *lane)
{
	forward_free(lane->behind);
}

/* The client's channel is not opened, or is closed. */
static void
forward_lost(struct forward *forward, const char *words)
{
	struct lane *lane = forward->lane;

	log_debug("forward.lost", "port=%u why=\"%s\"", forward->port, words);
	if (forward->open != NULL)
		(void)ssh_message_reply_default(forward->open);
	forward_free(forward);
	lane_forsake(lane);
	if (lane->channel == NULL || !ssh_channel_is_open(lane->channel))
		lane_free(lane);
	else
		lane_close(lane);
}

/* ---- bytes ---- */

static void
close_when_ended(struct forward *forward)
{
	struct lane *lane = forward->lane;

	if (!forward->in_ended || !forward->out_ended)
		return;
	forward_free(forward);
	lane_forsake(lane);
	lane_close(lane);
}

static size_t
forward_take(struct lane *lane, struct span bytes)
{
	struct forward *forward = lane->behind;

	return forward->in.lane == NULL ? 0 : inlet_take(&forward->in, bytes);
}

static void
forward_ended(struct lane *lane)
{
	struct forward *forward = lane->behind;

	inlet_end(&forward->in);
	forward->in_ended = true;
	close_when_ended(forward);
}

static void
out_done(void *self)
{
	struct forward *forward = self;

	forward->out_ended = true;
	lane_finish(forward->lane);
	close_when_ended(forward);
}

static void
forward_room(struct lane *lane)
{
	struct forward *forward = lane->behind;

	if (forward->out.lane != NULL)
		outlet_room(&forward->out);
}

static const struct lane_kind forward_kind = {
    .drains = true,
    .take = forward_take,
    .ended = forward_ended,
    .room = forward_room,
    .gone = forward_gone,
};

static enum err
pumps_open(struct forward *forward, struct why *why)
{
	auto_fd int in = fcntl(forward->fd, F_DUPFD_CLOEXEC, 3); /* each is watched by itself */
	enum err r;

	if (in < 0)
		return fail_errno(why, ERR_LIMIT, "a descriptor of the socket");
	forward->in.socket = true;
	r = inlet_open(&forward->in, forward->lane, fd_take(&in), why);
	if (r == OK)
		r = outlet_open(&forward->out, forward->lane, LANE_OUT, fd_take(&forward->fd), out_done, forward, why);
	return r;
}

/* ---- to a port of the agent's ---- */

static void make(struct forward *forward);

static enum err
channel_accept(struct forward *forward, struct why *why)
{
	ssh_channel channel = ssh_message_channel_request_open_reply_accept(forward->open);

	SSH_MESSAGE_FREE(forward->open);
	if (channel == NULL)
		return fail(why, ERR_SYSTEM, "libssh opens no channel");
	return lane_join(forward->lane, channel, why);
}

/* It is connected, or not: error is what connect said. */
static void
settle(struct forward *forward, int error)
{
	struct why why = {0};

	if (error != 0 && forward->named && !forward->six) {
		forward->six = true;
		clean_fd(&forward->fd);
		make(forward);
		return;
	}
	errno = error;
	if (error != 0)
		fail_errno(&why, ERR_UNAVAILABLE, "connect");
	if (error != 0 || channel_accept(forward, &why) != OK || pumps_open(forward, &why) != OK)
		forward_lost(forward, why.text);
	else
		lane_offer(forward->lane);
}

static void
connected(void *self, uint32_t events)
{
	struct forward *forward = self;
	socklen_t size = sizeof(int);
	int error = 0;

	(void)events;
	loop_remove(forward->lane->sshd->loop, &forward->connecting);
	if (getsockopt(forward->fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0)
		error = errno;
	settle(forward, error);
}

static void
reach(struct forward *forward)
{
	struct sockaddr_storage address;
	socklen_t size = loopback_address(forward->six, forward->port, &address);
	struct why why;

	if (connect(forward->fd, (struct sockaddr *)&address, size) == 0)
		settle(forward, 0);
	else if (errno != EINPROGRESS)
		settle(forward, errno);
	else if (loop_add(forward->lane->sshd->loop, &forward->connecting, forward->fd, EPOLLOUT, connected, forward,
		     &why) != OK)
		forward_lost(forward, why.text);
}

static void
made(void *self, enum err r, struct msg *answer, const struct why *why)
{
	struct forward *forward = self;

	forward->call = 0;
	if (r != OK) {
		forward_lost(forward, why->text);
	} else if (answer->id != SOCKET_MADE || answer->fds_n != 1) {
		forward_lost(forward, "the supervisor answered socket_make without a socket");
	} else {
		forward->fd = fd_take(&answer->fds[0]);
		reach(forward);
	}
}

static void
make(struct forward *forward)
{
	const struct msg m = {.id = SOCKET_MAKE, .socket_make = {forward->six}};

	forward->call = peer_call(forward->lane->sshd->supervisor, &m, MAKE_MS, made, forward);
}

static struct forward *
forward_new(struct lane *lane, uint16_t port)
{
	struct forward *forward = calloc(1, sizeof(*forward));

	if (forward == NULL)
		abort();
	forward->lane = lane;
	forward->port = port;
	forward->fd = forward->in.fd = forward->out.fd = -1;
	lane_begin(lane, &forward_kind, forward);
	return forward;
}

void
forward_open(struct sshd *sshd, ssh_message open, struct span host, uint16_t port)
{
	struct forward *forward;
	struct lane *lane = NULL;
	bool six = false;
	struct why why;

	if (!loopback_name(host, &six) || port == 0 || lane_new(sshd, &lane, &why) != OK) {
		log_info("forward.refused", "host=\"%s\" port=%u", log_quote(host), port);
		(void)ssh_message_reply_default(open);
		SSH_MESSAGE_FREE(open);
		return;
	}
	forward = forward_new(lane, port);
	forward->open = open;
	forward->six = six;
	forward->named = span_is(host, "localhost");
	make(forward);
}

/* ---- from a listener ---- */

static int
ask(const struct forward *forward)
{
	return ssh_channel_open_reverse_forward(
	    forward->lane->channel, forward->address, forward->port, "127.0.0.1", forward->from_port);
}

/* Asked again each turn until the client has answered: the question is sent once. */
static bool
back_work(struct lane *lane)
{
	struct forward *forward = lane->behind;
	struct why why = {0};
	int r = ask(forward);

	if (r == SSH_AGAIN)
		return false;
	lane_begin(lane, &forward_kind, forward);
	if (r != SSH_OK || pumps_open(forward, &why) != OK)
		forward_lost(forward, r == SSH_OK ? why.text : "the client wants no such channel");
	return true;
}

static size_t
back_take(struct lane *lane, struct span bytes)
{
	(void)lane;
	(void)bytes;
	return 0;
}

static const struct lane_kind back_kind = {.take = back_take, .work = back_work, .gone = forward_gone};

void
forward_back(struct sshd *sshd, int fd, uint16_t from_port, const char *address, uint16_t port)
{
	struct forward *forward;
	struct lane *lane;
	struct why why = {0};
	ssh_channel channel;

	if (lane_new(sshd, &lane, &why) != OK) {
		close(fd);
		return;
	}
	forward = forward_new(lane, port);
	forward->fd = fd;
	forward->from_port = from_port;
	(void)span_copy(span_of_text(address), forward->address, sizeof(forward->address));
	lane_begin(lane, &back_kind, forward);
	if ((channel = ssh_channel_new(sshd->session)) == NULL || lane_join(lane, channel, &why) != OK ||
	    ask(forward) == SSH_ERROR)
		forward_lost(forward, "the client could not be asked");
}
