/* c-ares in our loop: its sockets and its timer; no thread of its own. */
#include <stdlib.h>
#include <sys/epoll.h>

#include "common/resolve/inside.h"

static void
timer_fired(void *self)
{
	struct resolver *resolver = self;

	ares_process_fd(resolver->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
	resolve_timer_follow(resolver);
}

void
resolve_timer_follow(struct resolver *resolver)
{
	struct timeval wait, *at = ares_timeout(resolver->channel, NULL, &wait);

	if (at == NULL)
		loop_timer_stop(resolver->loop, &resolver->timer);
	else
		loop_timer_set(resolver->loop, &resolver->timer,
		    (uint64_t)at->tv_sec * 1000 + (uint64_t)at->tv_usec / 1000 + 1, timer_fired, resolver);
}

static void
socket_ready(void *self, uint32_t events)
{
	struct asked *asked = self;
	struct resolver *resolver = asked->resolver;
	int fd = asked->watch.fd;

	ares_process_fd(resolver->channel, (events & ~(uint32_t)EPOLLOUT) != 0 ? fd : ARES_SOCKET_BAD,
	    (events & EPOLLOUT) != 0 ? fd : ARES_SOCKET_BAD);
	resolve_timer_follow(resolver);
}

static void
socket_forget(struct resolver *resolver, struct asked **at)
{
	struct asked *asked = *at;

	loop_remove(resolver->loop, &asked->watch);
	*at = asked->next;
	free(asked);
}

static void
socket_watch(struct resolver *resolver, int fd, uint32_t events)
{
	struct asked *asked = calloc(1, sizeof(*asked));
	struct why why;

	if (asked == NULL)
		abort();
	asked->resolver = resolver;
	if (loop_add(resolver->loop, &asked->watch, fd, events, socket_ready, asked, &why) != OK) {
		free(asked); /* the query ends by its time */
		return;
	}
	asked->next = resolver->sockets;
	resolver->sockets = asked;
}

void
resolve_socket_state(void *self, ares_socket_t fd, int readable, int writable)
{
	struct resolver *resolver = self;
	uint32_t events = (readable ? EPOLLIN : 0) | (writable ? EPOLLOUT : 0);
	struct asked **at = &resolver->sockets;

	while (*at != NULL && (*at)->watch.fd != fd)
		at = &(*at)->next;
	if (events == 0 && *at != NULL)
		socket_forget(resolver, at);
	else if (*at != NULL)
		loop_change(resolver->loop, &(*at)->watch, events);
	else if (events != 0)
		socket_watch(resolver, fd, events);
}
