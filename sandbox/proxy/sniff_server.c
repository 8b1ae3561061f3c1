/* Sniffing where nothing is inspected: the server is dialled early, and if it speaks first it is no HTTP. */
#include <sys/epoll.h>

#include "sandbox/proxy/onward.h"
#include "sandbox/proxy/proxy.h"
#include "sandbox/proxy/sniff_inside.h"

/* The server has something to say before the agent: not HTTP. */
static void
server_first(void *self, uint32_t events)
{
	struct connection *connection = self;

	(void)events;
	if (connection->relay != NULL)
		inner_late(connection);
	else
		serve_raw(connection);
}

/*
 * Nobody is there: who speaks HTTP is told so by what serves it, who waits for the server is not left waiting. A client of
 * TLS, for which the operator's proxy would be asked, is given the time of a head to begin.
 */
static void
dial_failed(struct connection *connection)
{
	if (connection->sniffing)
		loop_timer_set(connection->proxy->loop, &connection->timer, connection->listened ? HEAD_MS : SNIFF_MS,
		    connection->relay != NULL ? inner_late : first_late, connection);
}

static void
dialled(void *self, enum err r, struct leg *leg, const struct why *why)
{
	struct connection *connection = self;

	(void)why;
	connection->dialling = 0;
	if (r != OK) {
		dial_failed(connection);
		return;
	}
	connection->dialled = leg;
	if (connection->sniffing && leg_tls(leg) == connection->tls)
		leg_watch(leg, EPOLLIN, server_first, connection);
}

static void
dial_early(struct connection *connection)
{
	connection->dialling = upstream_open(connection, connection->tls, NULL, dialled, connection);
}

/*
 * Who says nothing for so long may wait for the server, which is dialled to hear whether it speaks first: directly, as what
 * is not TLS goes. Should it be the client after all, and TLS, that connection is not used (sniff.c).
 */
static void
silent(void *self)
{
	struct connection *connection = self;

	loop_timer_set(connection->proxy->loop, &connection->timer, FIRST_MS, first_idle, connection);
	connection->listened = true;
	dial_early(connection);
}

/* TLS would go by the operator's proxy, all else directly. */
static void
pinned(void *self, enum err r, struct leg *leg, const struct why *why)
{
	struct connection *connection = self;

	(void)leg, (void)why;
	connection->dialling = 0;
	if (r != OK)
		dial_failed(connection);
	else if (!connection->sniffing)
		return;
	else if (connection->onward)
		loop_timer_set(connection->proxy->loop, &connection->timer, SILENT_MS, silent, connection);
	else
		dial_early(connection);
}

/* Where nothing is inspected the server may be the first to speak. */
void
listen_to_server(struct connection *connection)
{
	if (connection->judged.inspect && !connection->judged.tls_skip)
		return;
	if (connection->dialled != NULL && leg_tls(connection->dialled) == connection->tls)
		leg_watch(connection->dialled, EPOLLIN, server_first, connection);
	else if (!connection->tls && onward_undecided(connection, connection->proxy->onward))
		connection->dialling = upstream_pin(connection, pinned, connection);
	else
		dial_early(connection);
}
