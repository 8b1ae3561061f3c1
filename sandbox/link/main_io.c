/* The main process's descriptors: read whenever there is something, so that it never blocks on us. */
#include "sandbox/link/main_io.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "common/base/clean.h"

#define READ_BYTES 16384

static void
drain_close(struct drain *drain)
{
	if (drain->fd < 0)
		return;
	loop_remove(drain->io->link->loop, &drain->watch);
	close(fd_take(&drain->fd));
}

bool
main_io_over(const struct main_io *io)
{
	return io->link->main_end.over && io->drains[0].fd < 0 && io->drains[1].fd < 0;
}

static void
tell_readers(struct main_io *io)
{
	struct main_reader *reader;

	list_each (reader, &io->readers, struct main_reader, in_io)
		reader->more(reader);
}

static void
drain_ready(void *self, uint32_t events)
{
	struct drain *drain = self;
	struct main_io *io = drain->io;
	char bytes[READ_BYTES];
	ssize_t n = read(drain->fd, bytes, sizeof(bytes));

	(void)events;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n > 0)
		ring_put(&io->ring, drain->channel, bytes, (size_t)n);
	else
		drain_close(drain); /* EIO: nobody has the terminal any more */
	tell_readers(io);
}

void
main_io_exited(struct link *link, uint16_t exit_code)
{
	link->main_end = (struct main_end){.over = true, .exit_code = exit_code};
	if (link->main_io != NULL)
		tell_readers(link->main_io); /* nothing of the agent runs any more: its output has ended, or is about to */
}

void
main_io_free(struct main_io *io)
{
	struct main_reader *reader;

	if (io == NULL)
		return;
	list_each (reader, &io->readers, struct main_reader, in_io)
		reader->gone(reader);
	for (size_t i = 0; i < MAIN_OUTPUTS; i++)
		drain_close(&io->drains[i]);
	clean_fd(&io->in_fd);
	ring_done(&io->ring);
	free(io);
}

static enum err
drain_open(struct drain *drain, int *fd, struct why *why)
{
	drain->fd = fd_take(fd);
	if (fcntl(drain->fd, F_SETFL, fcntl(drain->fd, F_GETFL) | O_NONBLOCK) < 0)
		return fail_errno(why, ERR_SYSTEM, "main_stdio");
	return loop_add(drain->io->link->loop, &drain->watch, drain->fd, EPOLLIN, drain_ready, drain, why);
}

/* Of a terminal two: what is written to it is waited for by itself. */
static enum err
open_terminal(struct main_io *io, struct msg *m, struct why *why)
{
	if ((io->in_fd = fcntl(m->fds[1], F_DUPFD_CLOEXEC, 3)) < 0)
		return fail_errno(why, ERR_LIMIT, "a descriptor of the terminal");
	return drain_open(&io->drains[0], &m->fds[1], why);
}

static enum err
open_all(struct main_io *io, struct msg *m, struct why *why)
{
	enum err r;

	if ((r = ring_open(&io->ring, MAIN_RING_BYTES, m->fds[0], why)) != OK)
		return r;
	if (io->tty)
		return open_terminal(io, m, why);
	io->in_fd = fd_take(&m->fds[1]);
	if ((r = drain_open(&io->drains[0], &m->fds[2], why)) != OK)
		return r;
	return drain_open(&io->drains[1], &m->fds[3], why);
}

static struct main_io *
main_io_new(struct link *link, bool tty)
{
	struct main_io *io = calloc(1, sizeof(*io));

	if (io == NULL)
		abort();
	io->link = link;
	io->tty = tty;
	io->in_fd = -1;
	list_init(&io->readers);
	for (size_t i = 0; i < MAIN_OUTPUTS; i++)
		io->drains[i] = (struct drain){.io = io, .fd = -1, .channel = (uint8_t)(1 + i)};
	return io;
}

/*
 * The main process runs, or has run: here is the memory of its output, and the other ends of its standard input, output
 * and error.
 *
 * in      main_stdio, from the supervisor: the memory and three descriptors, or one for a terminal
 * out     done, where an answer is wanted
 * errors  ERR_PROTOCOL another number of descriptors; ERR_INVALID the memory is of another kind
 */
enum err
main_stdio(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	struct link *link = self;
	struct main_io *io;
	enum err r;

	if (m->fds_n != (m->main_stdio.tty ? 2 : 4))
		return fail(why, ERR_PROTOCOL, "main_stdio came with %zu descriptors", m->fds_n);
	io = main_io_new(link, m->main_stdio.tty);
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
