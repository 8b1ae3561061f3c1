/*
 * The main process's descriptors: read whenever there is something, so that it does not block on us; but for the one who
 * writes its input, and reads its output more slowly than it comes: that one is waited for as long as it reads.
 */
#include "sandbox/link/main_io.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "common/base/clean.h"
#include "common/base/clock.h"
#include "common/bus/stream.h"

#define READ_BYTES 16384
#define STALL_MS   1000 /* who has read nothing for so long is not waited for */

_Static_assert(RING_BYTES(MAIN_RING_BYTES) <= STREAM_OUTPUT_BYTES, "the ring fits into what the supervisor gives");

static void drain_ready(void *self, uint32_t events);

static void
drain_close(struct drain *drain)
{
	if (drain->fd < 0)
		return;
	loop_remove(drain->io->link->loop, &drain->watch);
	close(fd_take(&drain->fd));
}

/* Would more output push out what the owner has not read, while it reads? */
static bool
owner_waited_for(struct main_io *io)
{
	const struct main_reader *owner = io->owner;
	uint64_t now_ms = clock_ms();

	if (owner == NULL)
		return false;
	if (owner != io->seen || owner->offset != io->seen_offset)
		io->moved_ms = now_ms;
	io->seen = owner;
	io->seen_offset = owner->offset;
	return ring_end(&io->ring) - owner->offset + READ_BYTES > MAIN_RING_BYTES && now_ms < io->moved_ms + STALL_MS;
}

static void
drains_resume(void *self)
{
	struct main_io *io = self;
	struct why why;

	io->paused = false;
	loop_timer_stop(io->link->loop, &io->stall);
	for (size_t i = 0; i < MAIN_OUTPUTS; i++) {
		struct drain *drain = &io->drains[i];

		if (drain->fd >= 0 && !drain->watch.active &&
		    loop_add(io->link->loop, &drain->watch, drain->fd, EPOLLIN, drain_ready, drain, &why) != OK)
			drain_close(drain);
	}
}

static void
drains_pause(struct main_io *io)
{
	io->paused = true;
	loop_timer_set(io->link->loop, &io->stall, STALL_MS, drains_resume, io);
	for (size_t i = 0; i < MAIN_OUTPUTS; i++)
		loop_remove(io->link->loop, &io->drains[i].watch);
}

void
main_io_moved(struct main_io *io)
{
	if (io->paused && !owner_waited_for(io))
		drains_resume(io);
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

	list_each(reader, &io->readers, struct main_reader, in_io)
		reader->more(reader);
}

static void
drain_ready(void *self, uint32_t events)
{
	struct drain *drain = self;
	struct main_io *io = drain->io;
	char bytes[READ_BYTES];
	ssize_t n;

	(void)events;
	if (owner_waited_for(io)) {
		drains_pause(io);
		return;
	}
	n = read(drain->fd, bytes, sizeof(bytes));
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
		tell_readers(
		    link->main_io); /* nothing of the agent runs any more: its output has ended, or is about to */
}

void
main_io_free(struct main_io *io)
{
	struct main_reader *reader;

	if (io == NULL)
		return;
	list_each(reader, &io->readers, struct main_reader, in_io)
		reader->gone(reader);
	loop_timer_stop(io->link->loop, &io->stall);
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
