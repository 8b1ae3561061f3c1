/* Where bytes for the gateway come from. The descriptor is shared with other processes, so it is not made
 * non-blocking: it is read once for each time that it is ready. */
#include "clients/cli/source.h"

#include <errno.h>
#include <sys/epoll.h>
#include <unistd.h>

static void
source_stop(struct source *source)
{
	source->running = false;
	loop_timer_stop(source->loop, &source->again);
	if (!source->always)
		loop_remove(source->loop, &source->watch);
}

static void
source_read(struct source *source)
{
	char piece[SOURCE_PIECE];
	ssize_t n = read(source->fd, piece, sizeof(piece));

	if (n < 0 && (errno == EINTR || errno == EAGAIN)) /* EAGAIN: somebody else made it non-blocking */
		return;
	if (n <= 0) {
		source->error = n < 0 ? errno : 0;
		source->ended = true;
		source_stop(source);
		source->took(source->self, SPAN_NONE);
	} else if (!source->took(source->self, (struct span){piece, (size_t)n})) {
		source_stop(source);
	}
}

static void
source_ready(void *self, uint32_t events)
{
	(void)events;
	source_read(self);
}

static void
source_again(void *self)
{
	struct source *source = self;

	loop_timer_set(source->loop, &source->again, 0, source_again, source);
	source_read(source);
}

enum err
source_start(struct source *source, struct loop *loop, int fd, bool (*took)(void *self, struct span bytes), void *self,
    struct why *why)
{
	enum err r;

	*source = (struct source){.loop = loop, .fd = fd, .took = took, .self = self, .running = true};
	r = loop_add(loop, &source->watch, fd, EPOLLIN, source_ready, source, why);
	if (r == OK)
		return OK;
	if (errno != EPERM)
		return r;
	source->always = true;
	loop_timer_set(loop, &source->again, 0, source_again, source);
	return OK;
}

void
source_resume(struct source *source)
{
	if (source->running || source->ended || source->took == NULL)
		return;
	source->running = true;
	if (source->always ||
	    loop_add(source->loop, &source->watch, source->fd, EPOLLIN, source_ready, source, NULL) != OK)
		loop_timer_set(source->loop, &source->again, 0, source_again, source);
}

void
source_done(struct source *source)
{
	if (source->loop != NULL)
		source_stop(source);
	source->took = NULL;
	source->ended = true;
}
