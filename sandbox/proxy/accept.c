/* Accepting: at most a handful each turn, so that a flood of connections does not starve the ones that are served. */
#include "sandbox/proxy/accept.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "common/base/clean.h"
#include "common/base/log.h"
#include "sandbox/proxy/explicit.h"
#include "sandbox/proxy/proxy.h"
#include "sandbox/proxy/transparent.h"

#define EACH_TURN 16
#define AGAIN_MS  100 /* after an error: descriptors come back when connections end */

struct listener {
	struct accept *accept;
	int fd;
	struct watch watch;
	struct timer again;
	bool explicit;
};

struct accept {
	struct proxy *proxy;
	struct listener listeners[LISTENERS];
};

static void listener_ready(void *self, uint32_t events);

static struct address
address_from(const struct sockaddr_storage *from, uint16_t *port)
{
	struct address address = {.length = from->ss_family == AF_INET ? 4 : 16};

	if (from->ss_family == AF_INET) {
		const struct sockaddr_in *v4 = (const void *)from;

		memcpy(address.bytes, &v4->sin_addr, 4);
		*port = ntohs(v4->sin_port);
	} else {
		const struct sockaddr_in6 *v6 = (const void *)from;

		memcpy(address.bytes, &v6->sin6_addr, 16);
		*port = ntohs(v6->sin6_port);
	}
	return address;
}

static void
socket_set(int fd)
{
	int on = 1;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
}

static void
accepted(struct listener *listener, int fd, const struct sockaddr_storage *from)
{
	struct connection *connection =
	    connection_new(listener->accept->proxy, fd, listener->explicit ? HOW_CONNECT : HOW_TRANSPARENT);
	struct sockaddr_storage here = {0};
	socklen_t length = sizeof(here);

	if (connection == NULL)
		return;
	socket_set(fd);
	if (getsockname(fd, (struct sockaddr *)&here, &length) < 0) {
		connection_end(connection);
		return;
	}
	connection->client = address_from(from, &connection->client_port);
	connection->server = address_from(&here, &connection->server_port);
	if (listener->explicit)
		explicit_begin(connection);
	else
		transparent_begin(connection);
}

static void
listen_again(void *self)
{
	struct listener *listener = self;
	struct why why;

	if (loop_add(listener->accept->proxy->loop, &listener->watch, listener->fd, EPOLLIN, listener_ready, listener,
		&why) != OK)
		loop_timer_set(listener->accept->proxy->loop, &listener->again, AGAIN_MS, listen_again, listener);
}

static void
pause_listening(struct listener *listener, int error)
{
	log_warning("accept.failed", "error=\"%s\"", strerror(error));
	loop_remove(listener->accept->proxy->loop, &listener->watch);
	loop_timer_set(listener->accept->proxy->loop, &listener->again, AGAIN_MS, listen_again, listener);
}

static void
listener_ready(void *self, uint32_t events)
{
	struct listener *listener = self;

	(void)events;
	for (int i = 0; i < EACH_TURN; i++) {
		struct sockaddr_storage from = {0};
		socklen_t length = sizeof(from);
		int fd = accept4(listener->fd, (struct sockaddr *)&from, &length, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd >= 0)
			accepted(listener, fd, &from);
		else if (errno == EAGAIN || errno == EWOULDBLOCK)
			return;
		else if (errno != ECONNABORTED && errno != EINTR) {
			pause_listening(listener, errno);
			return;
		}
	}
}

enum err
accept_new(struct proxy *proxy, int fds[LISTENERS], struct accept **out, struct why *why)
{
	struct accept *accept = calloc(1, sizeof(*accept));
	enum err r = OK;

	if (accept == NULL)
		abort();
	accept->proxy = proxy;
	for (size_t i = 0; i < LISTENERS; i++)
		accept->listeners[i] =
		    (struct listener){.accept = accept, .fd = fd_take(&fds[i]), .explicit = i == LISTEN_EXPLICIT};
	for (size_t i = 0; i < LISTENERS && r == OK; i++)
		if (accept->listeners[i].fd >= 0)
			r = loop_add(proxy->loop, &accept->listeners[i].watch, accept->listeners[i].fd, EPOLLIN,
			    listener_ready, &accept->listeners[i], why);
	if (r != OK)
		accept_free(accept);
	else
		*out = accept;
	return r;
}

void
accept_free(struct accept *accept)
{
	for (size_t i = 0; accept != NULL && i < LISTENERS; i++) {
		loop_remove(accept->proxy->loop, &accept->listeners[i].watch);
		loop_timer_stop(accept->proxy->loop, &accept->listeners[i].again);
		clean_fd(&accept->listeners[i].fd);
	}
	free(accept);
}
