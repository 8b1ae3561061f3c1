/* Pumps: one read or write for each readiness, so that no lane starves another. */
#include "sandbox/sshd/pump.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/clean.h"
#include "common/base/log.h"

#define PIPE_MAX_BYTES (1u << 20) /* what a pipe can hold, and no end to what a grandchild may go on writing */
#define END_OF_FILE    "\004"	  /* VEOF of a terminal (termios(3)) */

static enum err
not_blocking(int fd, struct why *why)
{
	if (fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) < 0)
		return fail_errno(why, ERR_SYSTEM, "a descriptor behind a channel");
	return OK;
}

/* ---- to the client ---- */

void
outlet_close(struct outlet *outlet)
{
	if (outlet->fd < 0)
		return;
	loop_remove(outlet->lane->sshd->loop, &outlet->watch);
	close(fd_take(&outlet->fd));
}

/* The last thing done with it: its owner may free it. */
static void
outlet_end(struct outlet *outlet)
{
	outlet_close(outlet);
	outlet->done(outlet->self);
}

static size_t
outlet_space(const struct outlet *outlet)
{
	size_t room = lane_room(outlet->lane);

	return outlet->last && room > outlet->left ? outlet->left : room;
}

/* Without room nothing is read, and yet it can be seen whether there is anything. */
static short
look(const struct outlet *outlet)
{
	struct pollfd seen = {.fd = outlet->fd, .events = POLLIN};

	return poll(&seen, 1, 0) < 0 ? POLLIN : seen.revents;
}

/* Was this the last of it? Who else holds the pipe open need never write again. */
static bool
drained(const struct outlet *outlet)
{
	return outlet->last && (outlet->left == 0 || (look(outlet) & POLLIN) == 0);
}

static void
outlet_ready(void *self, uint32_t events)
{
	struct outlet *outlet = self;
	char bytes[LANE_CHUNK_BYTES];
	size_t space = outlet_space(outlet);
	ssize_t n;

	(void)events;
	if (space == 0) { /* a hang-up is no event until there is room */
		loop_remove(outlet->lane->sshd->loop, &outlet->watch);
		return;
	}
	n = read(outlet->fd, bytes, space);
	if (n < 0 && (errno == EAGAIN || errno == EINTR) && !outlet->last)
		return;
	if (n <= 0) { /* EIO: nobody has the terminal any more */
		outlet_end(outlet);
		return;
	}
	outlet->left -= outlet->last ? (size_t)n : 0;
	lane_write(outlet->lane, outlet->output, span_of_bytes(bytes, (size_t)n));
	if (drained(outlet))
		outlet_end(outlet);
}

static enum err
outlet_watch(struct outlet *outlet, struct why *why)
{
	if (outlet->fd < 0 || outlet->watch.active)
		return OK;
	return loop_add(outlet->lane->sshd->loop, &outlet->watch, outlet->fd, EPOLLIN, outlet_ready, outlet, why);
}

enum err
outlet_open(struct outlet *outlet, struct lane *lane, enum lane_output output, int fd, void (*done)(void *self),
    void *self, struct why *why)
{
	*outlet = (struct outlet){.lane = lane, .output = output, .fd = fd, .done = done, .self = self};
	if (not_blocking(fd, why) != OK)
		return ERR_SYSTEM;
	return outlet_watch(outlet, why);
}

void
outlet_room(struct outlet *outlet)
{
	struct why why;

	if (outlet_watch(outlet, &why) != OK) {
		log_warning("outlet.lost", "why=\"%s\"", why.text);
		outlet_end(outlet);
	}
}

void
outlet_exited(struct outlet *outlet)
{
	short seen;

	if (outlet->fd < 0 || outlet->watch.active)
		return;
	seen = look(outlet);
	if (seen != 0 && (seen & POLLIN) == 0) /* hung up and empty */
		outlet_end(outlet);
}

void
outlet_finish(struct outlet *outlet)
{
	if (outlet->fd < 0 || outlet->last)
		return;
	outlet->last = true;
	outlet->left = PIPE_MAX_BYTES;
	if ((look(outlet) & POLLIN) == 0)
		outlet_end(outlet); /* with something in it, it waits for room, and so does the end */
}

/* ---- from the client ---- */

void
inlet_close(struct inlet *inlet)
{
	if (inlet->fd < 0)
		return;
	loop_remove(inlet->lane->sshd->loop, &inlet->watch);
	close(fd_take(&inlet->fd));
}

enum err
inlet_open(struct inlet *inlet, struct lane *lane, int fd, struct why *why)
{
	inlet->lane = lane;
	inlet->fd = fd;
	return not_blocking(fd, why);
}

static void
inlet_ready(void *self, uint32_t events)
{
	struct inlet *inlet = self;

	(void)events;
	loop_remove(inlet->lane->sshd->loop, &inlet->watch); /* a hang-up is no event while nothing waits */
	lane_offer(inlet->lane);
}

size_t
inlet_take(struct inlet *inlet, struct span bytes)
{
	ssize_t n;

	if (inlet->fd < 0)
		return bytes.length;
	if (inlet->watch.active)
		return 0;
	n = write(inlet->fd, bytes.at, bytes.length);
	if (n < 0 && errno != EAGAIN &&
	    errno != EINTR) { /* nobody reads any more: what is held and what comes is dropped */
		inlet_close(inlet);
		return bytes.length;
	}
	if (n < 0)
		n = 0;
	if ((size_t)n < bytes.length &&
	    loop_add(inlet->lane->sshd->loop, &inlet->watch, inlet->fd, EPOLLOUT, inlet_ready, inlet, NULL) != OK)
		inlet_close(inlet);
	return inlet->fd < 0 ? bytes.length : (size_t)n;
}

void
inlet_end(struct inlet *inlet)
{
	if (inlet->fd < 0)
		return;
	if (inlet->terminal && write(inlet->fd, END_OF_FILE, 1) < 0)
		inlet->terminal = false; /* full or gone: closing is all that is left */
	if (inlet->socket && shutdown(inlet->fd, SHUT_WR) < 0)
		log_debug("socket.shutdown", "errno=%d", errno);
	inlet_close(inlet);
}
