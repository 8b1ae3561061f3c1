/* The first byte of a connection, where a port of TLS takes plaintext too: it is looked at and left in the socket. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/rpc/connection.h"

#define TLS_HANDSHAKE 0x16 /* content type of the first record (RFC 8446, 5.1) */

static bool
loopback(const struct sockaddr_storage *at)
{
	const struct sockaddr_in *four = (const struct sockaddr_in *)at;
	const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)at;

	if (at->ss_family == AF_INET)
		return ntohl(four->sin_addr.s_addr) >> 24 == 127;
	return at->ss_family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&six->sin6_addr);
}

bool
peek_wanted(const struct rpc_server *server, int fd)
{
	struct sockaddr_storage own = {0}, peer = {0};
	socklen_t own_length = sizeof(own), peer_length = sizeof(peer);

	if (server->tls == NULL || !server->config.plain_claimed || server->config.claim == NULL)
		return false;
	return getsockname(fd, (struct sockaddr *)&own, &own_length) == 0 && loopback(&own) &&
	       getpeername(fd, (struct sockaddr *)&peer, &peer_length) == 0 && loopback(&peer);
}

static void
first_byte(void *self, uint32_t events)
{
	struct connection *connection = self;
	struct rpc_server *server = connection->server;
	int fd = connection->peeked;
	uint8_t byte;
	ssize_t n = recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);

	(void)events;
	if (n < 0)
		return; /* not yet; or an error that reading will find */
	loop_remove(server->config.loop, &connection->peek);
	connection->peeked = -1;
	connection->plain_only = n == 1 && byte != TLS_HANDSHAKE;
	server->plain_n += connection->plain_only;
	if (connection->plain_only &&
	    server->plain_n >
		server->config.connections_max / 2) { /* who shows no certificate must not keep out who does */
		close(fd);
		rpc_connection_free(connection);
	} else if (rpc_connection_begin(connection, fd, !connection->plain_only, NULL) != OK)
		rpc_connection_free(connection);
}

enum err
peek_open(struct connection *connection, int fd, struct why *why)
{
	enum err r =
	    loop_add(connection->server->config.loop, &connection->peek, fd, EPOLLIN, first_byte, connection, why);

	if (r == OK)
		connection->peeked = fd;
	else
		close(fd);
	return r;
}

void
peek_close(struct connection *connection)
{
	if (connection->peeked < 0)
		return;
	loop_remove(connection->server->config.loop, &connection->peek);
	close(connection->peeked);
	connection->peeked = -1;
}
