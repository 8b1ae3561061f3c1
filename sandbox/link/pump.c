/* Pumps: one read or write for each readiness, so that no stream starves another. */
#include "sandbox/link/pump.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/clean.h"

#define LEFT_MAX_BYTES	   (1u << 20) /* what a pipe can hold, and no end to what a grandchild may go on writing */
#define GROWN_MAX	   16	      /* inputs at one time whose credit has grown */
#define GROWN_AFTER	   (4u << 20)
#define GROWN_WINDOW_BYTES (1u << 20)
#define END_OF_FILE	   "\004" /* VEOF of a terminal (termios(3)) */

static enum err
not_blocking(int fd, struct why *why)
{
	if (fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) < 0)
		return fail_errno(why, ERR_SYSTEM, "a descriptor of the command");
	return OK;
}

/* ---- from the command ---- */

void
source_close(struct source *source)
{
	if (source->fd < 0)
		return;
	loop_remove(source->loop, &source->watch);
	close(fd_take(&source->fd));
}

/* The last thing done with it: its owner may free it. */
static void
source_end(struct source *source, enum err r)
{
	source_close(source);
	if (r == OK)
		r = stream_finish(&source->out, NULL);
	source->done(source->self, r);
}

static size_t
source_room(const struct source *source)
{
	size_t room = stream_room(&source->out);

	return source->last && room > source->left ? source->left : room;
}

/* Without credit nothing is read, and yet it can be seen whether there is anything. */
static short
source_look(const struct source *source)
{
	struct pollfd look = {.fd = source->fd, .events = POLLIN};

	return poll(&look, 1, 0) < 0 ? POLLIN : look.revents;
}

/* Was this the last of it? The command is gone, and who else holds the pipe open need never write again. */
static bool
source_drained(const struct source *source)
{
	return source->last && (source->left == 0 || (source_look(source) & POLLIN) == 0);
}

static void
source_ready(void *self, uint32_t events)
{
	struct source *source = self;
	char bytes[STREAM_CHUNK_BYTES];
	ssize_t n = read(source->fd, bytes, source_room(source));
	enum err r;

	(void)events;
	if (n < 0 && (errno == EAGAIN || errno == EINTR) && !source->last)
		return;
	if (n <= 0) { /* EIO: nobody has the terminal any more */
		source_end(source, n < 0 && source->kind == PUMP_SOCKET ? ERR_SYSTEM : OK);
		return;
	}
	source->left -= source->last ? (size_t)n : 0;
	if ((r = stream_send(&source->out, bytes, (size_t)n, NULL)) != OK || source_drained(source))
		source_end(source, r);
	else if (stream_room(&source->out) == 0)
		loop_remove(source->loop, &source->watch); /* a hang-up is no event until there is credit */
}

static enum err
source_watch(struct source *source, struct why *why)
{
	if (source->fd < 0 || source->watch.active || stream_room(&source->out) == 0)
		return OK;
	return loop_add(source->loop, &source->watch, source->fd, EPOLLIN, source_ready, source, why);
}

enum err
source_open(struct source *source, struct loop *loop, int fd, struct peer *peer, uint64_t stream, uint8_t channel,
    enum pump_kind kind, pump_done *done, void *self, struct why *why)
{
	struct stream_out out = source->out; /* credit may have come before the command ran */

	*source = (struct source){.loop = loop, .fd = fd, .kind = kind, .done = done, .self = self};
	stream_out_init(&source->out, peer, stream, channel);
	source->out.limit = out.limit;
	if (not_blocking(fd, why) != OK)
		return ERR_SYSTEM;
	return source_watch(source, why);
}

enum err
source_granted(struct source *source, const struct msg_stream_grant *m, struct why *why)
{
	enum err r = stream_granted(&source->out, m, why);

	return r != OK ? r : source_watch(source, why);
}

void
source_exited(struct source *source)
{
	short seen;

	if (source->fd < 0 || source->watch.active)
		return;
	seen = source_look(source);
	if (seen != 0 && (seen & POLLIN) == 0) /* hung up and empty */
		source_end(source, OK);
}

void
source_finish(struct source *source)
{
	if (source->fd < 0 || source->last)
		return;
	source->last = true;
	source->left = LEFT_MAX_BYTES;
	if (source->watch.active)
		source_ready(source, EPOLLIN);
	else if ((source_look(source) & POLLIN) == 0)
		source_end(source, OK); /* with something in it, it waits for credit, and so does the end */
}

/* ---- to the command ---- */

static unsigned grown; /* of all sinks */

void
sink_close(struct sink *sink)
{
	free(sink->held);
	sink->held = NULL;
	sink->held_at = sink->held_n = sink->held_room = 0;
	if (sink->fd < 0)
		return;
	loop_remove(sink->loop, &sink->watch);
	close(fd_take(&sink->fd));
	grown -= sink->grown;
	sink->grown = false;
}

enum err
sink_open(struct sink *sink, struct loop *loop, int fd, struct peer *peer, uint64_t stream, enum pump_kind kind,
    pump_done *done, void *self, struct why *why)
{
	enum err r;

	*sink = (struct sink){.loop = loop, .fd = fd, .kind = kind, .done = done, .self = self};
	if ((r = not_blocking(fd, why)) != OK)
		return r;
	return stream_in_open(&sink->in, peer, stream, 0, STREAM_WINDOW_BYTES, why);
}

/* Who has taken much may have more under way: a copy of files is as fast as its reader, and not as the way there is long. */
static enum err
sink_used(struct sink *sink, size_t n, struct why *why)
{
	if (!sink->grown && sink->fd >= 0 && sink->in.used + n >= GROWN_AFTER && grown < GROWN_MAX) {
		sink->grown = true;
		grown++;
		sink->in.window_bytes = GROWN_WINDOW_BYTES;
	}
	return stream_used(&sink->in, n, why);
}

/* Nothing waits and nothing more comes: whoever reads sees the end. */
static void
sink_end(struct sink *sink)
{
	if (sink->fd >= 0 && sink->kind == PUMP_TERMINAL && write(sink->fd, END_OF_FILE, 1) < 0)
		sink->kind = PUMP_PIPE; /* full or gone: closing is all that is left */
	else if (sink->fd >= 0 && sink->kind == PUMP_SOCKET)
		(void)shutdown(sink->fd, SHUT_WR);
	sink_close(sink);
}

/* Nobody reads any more: what is held and what comes is dropped. */
static enum err
sink_broken(struct sink *sink, struct why *why)
{
	sink_close(sink);
	return stream_used(&sink->in, (size_t)(sink->in.got - sink->in.used), why);
}

static void
sink_hold(struct sink *sink, const char *bytes, size_t length)
{
	if (sink->held_at > 0) {
		memmove(sink->held, sink->held + sink->held_at, sink->held_n);
		sink->held_at = 0;
	}
	if (sink->held_room - sink->held_n < length) {
		sink->held_room = sink->held_n + length;
		if ((sink->held = realloc(sink->held, sink->held_room)) == NULL)
			abort();
	}
	memcpy(sink->held + sink->held_n, bytes, length);
	sink->held_n += length;
}

/* Bytes written; 0: it takes none now; -1: it never will again. */
static ssize_t
sink_write(struct sink *sink, const char *bytes, size_t length)
{
	ssize_t n = write(sink->fd, bytes, length);

	return n >= 0 ? n : errno == EAGAIN || errno == EINTR ? 0 : -1;
}

static enum err
sink_flush(struct sink *sink, struct why *why)
{
	ssize_t n = sink_write(sink, sink->held + sink->held_at, sink->held_n);

	if (n < 0)
		return sink_broken(sink, why);
	sink->held_at += (size_t)n;
	sink->held_n -= (size_t)n;
	if (sink->held_n == 0) {
		free(sink->held);
		sink->held = NULL;
		sink->held_at = sink->held_room = 0;
		loop_remove(sink->loop, &sink->watch); /* a hang-up is no event while nothing waits */
		if (sink->in.ended)
			sink_end(sink);
	}
	return sink_used(sink, (size_t)n, why);
}

static void
sink_ready(void *self, uint32_t events)
{
	struct sink *sink = self;
	enum err r;

	(void)events;
	if ((r = sink_flush(sink, NULL)) != OK || sink->fd < 0)
		sink->done(sink->self, r);
}

enum err
sink_take(struct sink *sink, const struct msg_stream_data *m, struct why *why)
{
	ssize_t n = 0;
	enum err r;

	if ((r = stream_take(&sink->in, m, why)) != OK)
		return r;
	if (sink->fd >= 0 && sink->held_n == 0)
		n = sink_write(sink, m->bytes.at, m->bytes.length);
	if (sink->fd < 0 || n < 0)
		return sink_broken(sink, why);
	if ((size_t)n < m->bytes.length)
		sink_hold(sink, m->bytes.at + n, m->bytes.length - (size_t)n);
	if ((size_t)n < m->bytes.length && !sink->watch.active &&
	    (r = loop_add(sink->loop, &sink->watch, sink->fd, EPOLLOUT, sink_ready, sink, why)) != OK)
		return r;
	return sink_used(sink, (size_t)n, why);
}

enum err
sink_ended(struct sink *sink, const struct msg_stream_end *m, struct why *why)
{
	enum err r;

	if ((r = stream_ended(&sink->in, m, why)) != OK)
		return r;
	if (sink->held_n == 0)
		sink_end(sink);
	return OK;
}
