/* The main process's descriptors: read whenever there is something, so that it never blocks on us. */
#include "sandbox/link/main_io.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "common/base/clean.h"
#include "sandbox/link/ring.h"

#define READ_BYTES 16384
#define OUTPUTS	   2

/* One descriptor that is read. */
struct drain {
	struct main_io *io;
	struct watch watch;
	int fd; /* -1: ended */
};

struct main_io {
	struct loop *loop;
	struct ring ring;
	struct drain drains[OUTPUTS];
	int stdin_fd;
};

static void
drain_close(struct drain *drain)
{
	if (drain->fd < 0)
		return;
	loop_remove(drain->io->loop, &drain->watch);
	close(fd_take(&drain->fd));
}

static void
drain_ready(void *self, uint32_t events)
{
	struct drain *drain = self;
	char bytes[READ_BYTES];
	ssize_t n = read(drain->fd, bytes, sizeof(bytes));

	(void)events;
	if (n > 0)
		ring_put(&drain->io->ring, bytes, (size_t)n);
	else if (n == 0 || (errno != EAGAIN && errno != EINTR))
		drain_close(drain); /* EIO: nobody has the terminal any more */
}

void
main_io_free(struct main_io *io)
{
	if (io == NULL)
		return;
	for (size_t i = 0; i < OUTPUTS; i++)
		drain_close(&io->drains[i]);
	if (io->stdin_fd >= 0)
		close(io->stdin_fd);
	ring_done(&io->ring);
	free(io);
}

static enum err
drain_open(struct drain *drain, int *fd, struct why *why)
{
	drain->fd = fd_take(fd);
	if (fcntl(drain->fd, F_SETFL, fcntl(drain->fd, F_GETFL) | O_NONBLOCK) < 0)
		return fail_errno(why, ERR_SYSTEM, "main_stdio");
	return loop_add(drain->io->loop, &drain->watch, drain->fd, EPOLLIN, drain_ready, drain, why);
}

static enum err
open_all(struct main_io *io, struct msg *m, struct why *why)
{
	enum err r;

	if ((r = ring_open(&io->ring, MAIN_RING_BYTES, why)) != OK)
		return r;
	if (m->main_stdio.tty)
		return drain_open(&io->drains[0], &m->fds[0], why);
	io->stdin_fd = fd_take(&m->fds[0]);
	if ((r = drain_open(&io->drains[0], &m->fds[1], why)) != OK)
		return r;
	return drain_open(&io->drains[1], &m->fds[2], why);
}

/*
 * The main process runs: these are the other ends of its standard input, output and error.
 *
 * in      main_stdio, from the supervisor, with three descriptors, or one for a terminal
 * out     done, where an answer is wanted
 * errors  ERR_PROTOCOL another number of descriptors
 */
enum err
main_stdio(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	struct link *link = self;
	struct main_io *io;
	enum err r;

	if (m->fds_n != (m->main_stdio.tty ? 1 : 3))
		return fail(why, ERR_PROTOCOL, "main_stdio came with %zu descriptors", m->fds_n);
	if ((io = calloc(1, sizeof(*io))) == NULL)
		abort();
	io->loop = link->loop;
	io->stdin_fd = -1;
	for (size_t i = 0; i < OUTPUTS; i++)
		io->drains[i] = (struct drain){.io = io, .fd = -1};
	if ((r = open_all(io, m, why)) != OK) {
		main_io_free(io);
		return r;
	}
	main_io_free(link->main_io);
	link->main_io = io;
	if (m->call != 0)
		answer->id = DONE;
	return OK;
}

size_t
main_io_read(const struct main_io *io, uint64_t *offset, char *to, size_t size)
{
	return io == NULL ? 0 : ring_copy(&io->ring, offset, to, size);
}
