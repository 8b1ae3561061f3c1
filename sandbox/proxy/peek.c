/* Peeking is edge-triggered: bytes that stay in the socket would wake us for ever. */
#include "sandbox/proxy/peek.h"

#include <assert.h>
#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "sandbox/proxy/proxy.h"

static void
peek_ready(void *self, uint32_t events)
{
	struct connection *connection = self;
	char bytes[PEEK_MAX];
	ssize_t n;

	do
		n = recv(leg_fd(connection->agent), bytes, connection->peek_room, MSG_PEEK | MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
		return;
	if (n > 0 && (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0)
		connection->peek_last = true;
	connection->peeked(connection, span_of_bytes(bytes, n < 0 ? 0 : (size_t)n));
}

enum err
peek_begin(struct connection *connection, size_t room, void (*ready)(struct connection *connection, struct span bytes),
    struct why *why)
{
	assert(room <= PEEK_MAX);
	connection->peek_room = (uint16_t)room;
	connection->peeked = ready;
	connection->peek_last = false;
	return loop_add(connection->proxy->loop, &connection->peek, leg_fd(connection->agent),
	    EPOLLIN | EPOLLRDHUP | EPOLLET, peek_ready, connection, why);
}

void
peek_end(struct connection *connection)
{
	loop_remove(connection->proxy->loop, &connection->peek);
}

void
peek_take(struct connection *connection, size_t length)
{
	char bytes[PEEK_MAX];

	while (length > 0) {
		ssize_t n = recv(
		    leg_fd(connection->agent), bytes, length < sizeof(bytes) ? length : sizeof(bytes), MSG_DONTWAIT);

		if (n <= 0)
			return; /* broken: who reads next is told */
		length -= (size_t)n;
	}
}
