/* The gRPC server's outside: listening sockets, accepting, draining, freeing. */
#include "common/rpc/server.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/rpc/connection.h"
#include "common/rpc/tls.h"

#define CONNECTIONS_DEFAULT 1024
#define ACCEPTS_MAX	    16	/* in one turn */
#define REST_MS		    100 /* not accepting, after descriptors or memory ran out */

struct listener {
	struct list link; /* in server.listeners */
	struct rpc_server *server;
	struct watch watch;
	struct timer rest;
	int fd;
};

enum err
rpc_server_new(struct rpc_server **out, const struct rpc_server_config *config, struct why *why)
{
	struct rpc_server *server = calloc(1, sizeof(*server));
	enum err r = OK;

	if (server == NULL)
		abort();
	server->config = *config;
	if (server->config.connections_max == 0)
		server->config.connections_max = CONNECTIONS_DEFAULT;
	if (server->config.ping_interval_ms == 0)
		server->config.ping_interval_ms = RPC_PING_INTERVAL_MS;
	if (server->config.ping_timeout_ms == 0)
		server->config.ping_timeout_ms = RPC_PING_TIMEOUT_MS;
	if (server->config.handshake_timeout_ms == 0)
		server->config.handshake_timeout_ms = RPC_HANDSHAKE_TIMEOUT_MS;
	list_init(&server->listeners);
	list_init(&server->connections);
	list_init(&server->newcomers);
	if (config->certificate_pem != NULL)
		r = tls_server_context(
		    &server->tls, config->certificate_pem, config->key_pem, config->client_ca_pem, why);
	/* borrowed texts, not needed any more */
	server->config.certificate_pem = server->config.key_pem = server->config.client_ca_pem = NULL;
	if (r != OK) {
		free(server);
		return r;
	}
	*out = server;
	return OK;
}

static void
listener_free(struct listener *listener)
{
	list_remove(&listener->link);
	loop_timer_stop(listener->server->config.loop, &listener->rest);
	loop_remove(listener->server->config.loop, &listener->watch);
	close(listener->fd);
	free(listener);
}

static void
listener_rested(void *self)
{
	struct listener *listener = self;

	loop_change(listener->server->config.loop, &listener->watch, EPOLLIN);
}

/* Out of descriptors or memory: the connection still waits, so look again later instead of at once and for ever. */
static void
listener_rest(struct listener *listener)
{
	loop_change(listener->server->config.loop, &listener->watch, 0);
	loop_timer_set(listener->server->config.loop, &listener->rest, REST_MS, listener_rested, listener);
}

/* Who has shown nothing yet must not keep out who will: the oldest of those goes. false: all are served. */
static bool
room_make(struct rpc_server *server)
{
	if (server->connections_n < server->config.connections_max)
		return true;
	if (list_empty(&server->newcomers))
		return false;
	rpc_connection_free(list_item(server->newcomers.next, struct connection, newcomer));
	return true;
}

static void
listener_ready(void *self, uint32_t events)
{
	struct listener *listener = self;
	struct rpc_server *server = listener->server;
	int fd;

	(void)events;
	for (int i = 0; i < ACCEPTS_MAX; i++) {
		if ((fd = accept4(listener->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) < 0) {
			if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
				listener_rest(listener);
			return;
		}
		if (!room_make(server))
			close(fd);
		else if (rpc_connection_new(server, fd, NULL) != OK)
			return;
	}
}

enum err
rpc_server_listen(struct rpc_server *server, int fd, struct why *why)
{
	struct listener *listener = calloc(1, sizeof(*listener));
	enum err r;

	if (listener == NULL)
		abort();
	listener->server = server;
	listener->fd = fd;
	list_append(&server->listeners, &listener->link);
	if (fcntl(fd, F_SETFL, O_NONBLOCK) < 0) /* a descriptor from a parent may still block */
		r = fail_errno(why, ERR_SYSTEM, "listening socket");
	else
		r = loop_add(server->config.loop, &listener->watch, fd, EPOLLIN, listener_ready, listener, why);
	if (r != OK)
		listener_free(listener);
	return r;
}

static void
listeners_free(struct rpc_server *server)
{
	while (!list_empty(&server->listeners))
		listener_free(list_item(server->listeners.next, struct listener, link));
}

void
rpc_server_drain(struct rpc_server *server)
{
	struct connection *connection;

	server->draining = true;
	listeners_free(server);
	list_each(connection, &server->connections, struct connection, link)
		connection_drain(connection);
}

bool
rpc_server_idle(const struct rpc_server *server)
{
	const struct list *connections = &server->connections;

	if (server->draining)
		return list_empty(connections);
	for (const struct list *at = connections->next; at != connections; at = at->next)
		if (!list_empty(&list_item(at, struct connection, link)->calls))
			return false;
	return true;
}

void
rpc_server_free(struct rpc_server *server)
{
	if (server == NULL)
		return;
	listeners_free(server);
	while (!list_empty(&server->connections))
		rpc_connection_free(list_item(server->connections.next, struct connection, link));
	SSL_CTX_free(server->tls);
	free(server);
}
