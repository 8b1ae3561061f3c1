/* Where a command's bytes go out. The descriptor is shared with other processes, so it is not made
 * non-blocking. */
#include "clients/cli/sink.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <unistd.h>

void
sink_init(struct sink *sink, struct loop *loop, int fd, void (*drained)(void *self), void *self)
{
	struct stat st;

	*sink = (struct sink){.loop = loop, .fd = fd, .drained = drained, .self = self};
	sink->file = fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
}

void
sink_done(struct sink *sink)
{
	loop_remove(sink->loop, &sink->watch);
	free(sink->kept);
	sink->kept = NULL;
}

/* Would a write of PIPE_BUF bytes go out at once (pipe(7): poll promises that much)? */
static bool
has_room(const struct sink *sink)
{
	struct pollfd poll_fd = {.fd = sink->fd, .events = POLLOUT};

	return sink->file || (poll(&poll_fd, 1, 0) == 1 && poll_fd.revents != 0);
}

/* Write what goes out without waiting; returns how much did. A broken descriptor takes all. */
static size_t
write_some(struct sink *sink, struct span bytes)
{
	size_t all = bytes.length;

	while (bytes.length > 0 && sink->error == 0 && has_room(sink)) {
		size_t most = sink->file || bytes.length < PIPE_BUF ? bytes.length : PIPE_BUF;
		ssize_t n = write(sink->fd, bytes.at, most);

		if (n > 0)
			sink->mid_line = bytes.at[n - 1] != '\n';
		if (n >= 0)
			bytes = span_tail(bytes, (size_t)n);
		else if (errno == EAGAIN) /* somebody else made it non-blocking */
			break;
		else if (errno != EINTR)
			sink->error = errno;
	}
	return sink->error != 0 ? all : all - bytes.length;
}

static void
sink_ready(void *self, uint32_t events)
{
	struct sink *sink = self;

	(void)events;
	sink->at += write_some(sink, (struct span){sink->kept + sink->at, sink->length - sink->at});
	if (sink->at < sink->length)
		return;
	loop_remove(sink->loop, &sink->watch);
	free(sink->kept);
	sink->kept = NULL;
	sink->drained(sink->self);
}

bool
sink_write(struct sink *sink, struct span bytes)
{
	size_t n = write_some(sink, bytes);

	if (n == bytes.length)
		return true;
	bytes = span_tail(bytes, n);
	if ((sink->kept = malloc(bytes.length)) == NULL)
		abort();
	memcpy(sink->kept, bytes.at, bytes.length);
	sink->length = bytes.length;
	sink->at = 0;
	if (loop_add(sink->loop, &sink->watch, sink->fd, EPOLLOUT, sink_ready, sink, NULL) == OK)
		return false;
	sink->error = errno != 0 ? errno : EIO;
	free(sink->kept);
	sink->kept = NULL;
	return true;
}
