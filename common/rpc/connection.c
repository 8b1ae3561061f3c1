/* A connection of the server: which protocol it speaks, when it works, when it ends. */
#include "common/rpc/connection.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/rpc/tls.h"

#define PREFACE	     ((struct span){NGHTTP2_CLIENT_MAGIC, NGHTTP2_CLIENT_MAGIC_LEN})
#define UNSENT_BYTES 131072 /* that wait in the kernel for a client that does not read: else it takes MiB of them */
#define LINGER_MS    1000   /* for the client to read our last words before the socket is closed */

static void connection_work(void *self);

void
connection_wake(struct connection *connection)
{
	if (connection->work.place == 0)
		loop_timer_set(connection->server->config.loop, &connection->work, 0, connection_work, connection);
}

void
rpc_connection_free(struct connection *connection)
{
	struct rpc_server *server = connection->server;
	struct rpc_call *call;

	list_each(call, &connection->calls, struct rpc_call, link) {
		call->closed = true;
		call_advance(call);
	}
	nghttp2_session_del(connection->session);
	loop_timer_stop(server->config.loop, &connection->work);
	loop_timer_stop(server->config.loop, &connection->limit);
	loop_timer_stop(server->config.loop, &connection->ping);
	peek_close(connection);
	pump_close(&connection->pump);
	buffer_done(&connection->head);
	arena_reset(&connection->arena);
	list_remove(&connection->link);
	list_remove(&connection->newcomer);
	server->connections_n--;
	server->plain_n -= connection->plain_only;
	free(connection);
}

static void
limit_passed(void *self)
{
	rpc_connection_free(self);
}

void
connection_drain(struct connection *connection)
{
	if (connection->session != NULL)
		nghttp2_submit_goaway(connection->session, NGHTTP2_FLAG_NONE,
		    nghttp2_session_get_last_proc_stream_id(connection->session), NGHTTP2_NO_ERROR, NULL, 0);
	connection_wake(connection);
}

/* Dead peers are found by asking; any that lives answers at once. */
static void
ping_due(void *self)
{
	struct connection *connection = self;
	const struct rpc_server_config *config = &connection->server->config;

	if (connection->ping_waits) {
		rpc_connection_free(connection);
		return;
	}
	connection->ping_waits = true;
	http2_ping(connection);
	loop_timer_set(config->loop, &connection->ping, config->ping_timeout_ms, ping_due, connection);
}

/* A PING was answered, or the connection is new: ask again after a while. */
static void
ping_later(struct connection *connection)
{
	const struct rpc_server_config *config = &connection->server->config;

	connection->ping_waits = false;
	if (config->ping_interval_ms != UINT32_MAX)
		loop_timer_set(config->loop, &connection->ping, config->ping_interval_ms, ping_due, connection);
}

static void
protocol_is(struct connection *connection, enum protocol protocol)
{
	connection->protocol = protocol;
	list_remove(&connection->newcomer);
}

static bool
begin_http2(struct connection *connection)
{
	protocol_is(connection, PROTOCOL_HTTP2);
	if (!http2_open(connection))
		return false;
	connection_wake(connection);
	return true;
}

/* Which protocol do the first bytes speak? Bytes decide, not ALPN: some clients speak HTTP/2 without asking. */
static void
protocol_find(struct connection *connection)
{
	struct span head = buffer_span(&connection->head);

	if (!span_starts(PREFACE, span_head(head, PREFACE.length)))
		protocol_is(connection, PROTOCOL_HTTP1);
	else if (head.length >= PREFACE.length && !begin_http2(connection))
		connection->closing = true;
}

static bool
http2_bytes(struct connection *connection, struct span bytes)
{
	if (connection->limit.place != 0 && !connection->closing) { /* the preface came */
		loop_timer_stop(connection->server->config.loop, &connection->limit);
		ping_later(connection);
	}
	return http2_take(connection, bytes);
}

static void
connection_bytes(void *self, struct span bytes)
{
	struct connection *connection = self;
	bool ok = true;

	connection_wake(connection);
	if (connection->closing)
		return;
	if (connection->ping_waits)
		ping_later(connection); /* whatever it says, it lives */
	if (connection->protocol == PROTOCOL_HTTP2) {
		ok = http2_bytes(connection, bytes);
	} else {
		buffer_add(&connection->head, bytes);
		if (connection->protocol == PROTOCOL_UNKNOWN)
			protocol_find(connection);
		if (connection->protocol == PROTOCOL_HTTP2) {
			ok = http2_bytes(connection, buffer_span(&connection->head));
			buffer_done(&connection->head);
		} else if (connection->protocol == PROTOCOL_HTTP1)
			ok = http1_take(connection);
	}
	if (!ok)
		connection->closing = true;
}

static void
connection_changed(void *self)
{
	struct connection *connection = self;
	struct rpc_caller *caller = &connection->caller;

	connection_wake(connection);
	if (connection->pump.state != PUMP_OPEN || connection->pump.ssl == NULL || connection->caller.tls)
		return;
	caller->tls = true;
	caller->certificate = tls_identity(connection->pump.ssl, &connection->arena, &caller->common_name,
	    caller->units, sizeof(caller->units) / sizeof(caller->units[0]), &caller->units_n);
	if (tls_chose_h2(connection->pump.ssl) && !begin_http2(connection))
		connection->closing = true;
}

/* Nothing will be said on this connection any more: close it when the client has read it all. */
static void
connection_finish(struct connection *connection)
{
	if (connection->shut || connection->pump.out.length > 0)
		return;
	connection->shut = true;
	pump_shutdown(&connection->pump);
	loop_timer_set(connection->server->config.loop, &connection->limit, LINGER_MS, limit_passed, connection);
}

static void
connection_work(void *self)
{
	struct connection *connection = self;
	struct list waiting;
	bool left;

	/* Calls that become ready meanwhile have their turn after what is ready now was sent. */
	list_init(&waiting);
	while (!list_empty(&connection->ready)) {
		struct list *first = connection->ready.next;

		list_remove(first);
		list_append(&waiting, first);
	}
	while (!list_empty(&waiting)) {
		struct rpc_call *call = list_item(waiting.next, struct rpc_call, ready);

		list_remove(&call->ready);
		call_advance(call);
	}
	if (connection->protocol == PROTOCOL_HTTP2 && !connection->shut && !http2_send(connection))
		connection->closing = true;
	if (connection->protocol == PROTOCOL_HTTP1 && !connection->shut)
		http1_send(connection);
	if (connection->protocol == PROTOCOL_HTTP1 && !connection->closing && !http1_take(connection))
		connection->closing = true;
	left = connection->pump.out.length > 0;
	pump_flush(&connection->pump);
	if (left && connection->pump.out.length == 0)
		connection_wake(connection); /* there may be more that did not fit before */
	if (connection->pump.state == PUMP_CLOSED) {
		rpc_connection_free(connection);
		return;
	}
	if (connection->server->draining && list_empty(&connection->calls) && connection->pump.out.length == 0)
		connection->closing = true;
	if (connection->closing) {
		pump_hold(&connection->pump, false); /* what still comes is dropped */
		connection_finish(connection);
	}
	if (!list_empty(&connection->ready))
		connection_wake(connection);
}

enum err
rpc_connection_begin(struct connection *connection, int fd, bool tls, struct why *why)
{
	struct rpc_server *server = connection->server;

	return pump_open(&connection->pump, server->config.loop, fd, tls ? tls_server_session(server->tls) : NULL,
	    connection_bytes, connection_changed, connection, why);
}

static void
peer_name(struct connection *connection, int fd)
{
	struct sockaddr_storage address = {0};
	socklen_t length = sizeof(address);
	char text[INET6_ADDRSTRLEN] = "";

	snprintf(connection->peer, sizeof(connection->peer), "unix");
	if (getpeername(fd, (struct sockaddr *)&address, &length) == 0 && address.ss_family == AF_INET) {
		const struct sockaddr_in *in = (const struct sockaddr_in *)&address;

		inet_ntop(AF_INET, &in->sin_addr, text, sizeof(text));
		snprintf(connection->peer, sizeof(connection->peer), "%s:%u", text, ntohs(in->sin_port));
	} else if (address.ss_family == AF_INET6) {
		const struct sockaddr_in6 *in = (const struct sockaddr_in6 *)&address;

		inet_ntop(AF_INET6, &in->sin6_addr, text, sizeof(text));
		snprintf(connection->peer, sizeof(connection->peer), "[%s]:%u", text, ntohs(in->sin6_port));
	}
	connection->caller.peer_address = span_of_text(connection->peer);
}

enum err
rpc_connection_new(struct rpc_server *server, int fd, struct why *why)
{
	struct connection *connection = calloc(1, sizeof(*connection));
	int yes = 1, unsent = UNSENT_BYTES;
	enum err r;

	if (connection == NULL)
		abort();
	connection->server = server;
	connection->peeked = -1;
	list_init(&connection->calls);
	list_init(&connection->ready);
	list_append(&server->connections, &connection->link);
	list_append(&server->newcomers, &connection->newcomer);
	server->connections_n++;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes)); /* a Unix socket has no such thing */
	setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent, sizeof(unsent));
	peer_name(connection, fd);
	loop_timer_set(
	    server->config.loop, &connection->limit, server->config.handshake_timeout_ms, limit_passed, connection);
	if (peek_wanted(server, fd))
		r = peek_open(connection, fd, why);
	else
		r = rpc_connection_begin(connection, fd, server->tls != NULL, why);
	if (r != OK)
		rpc_connection_free(connection);
	return r;
}
