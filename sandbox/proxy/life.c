/* The lives of connections: their birth and their end, one by one or all together. */
#include "sandbox/proxy/connection.h"

#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "sandbox/proxy/events.h"
#include "sandbox/proxy/judge.h"
#include "sandbox/proxy/linger.h"
#include "sandbox/proxy/names.h"
#include "sandbox/proxy/proxy.h"

#define MEMORY_BYTES (64u << 10)

/* Those of a batch are one line with a count. */
static void
tell_full(struct proxy *proxy, const char *head)
{
	struct event event = {.class = EVENT_FINDING,
	    .severity = EVENT_HIGH,
	    .action = EVENT_DENIED,
	    .activity = "LIMIT",
	    .head = head,
	    .engine = "proxy",
	    .code = SPAN("connections_max"),
	    .reason = SPAN("as many connections are open as may be")};

	event_add(proxy, NULL, &event);
}

/* Who has said nothing for the longest makes room for who may have something to say. */
static bool
make_room(struct proxy *proxy)
{
	struct connection *oldest;

	if (list_empty(&proxy->awaited)) {
		tell_full(proxy, "connections turned away");
		return false;
	}
	oldest = list_item(proxy->awaited.next, struct connection, awaited);
	oldest->relay_end(
	    oldest, "idle before the first request for longer than all others, of as many as may be open");
	tell_full(proxy, "idle connections ended for new ones");
	return true;
}

struct connection *
connection_new(struct proxy *proxy, int fd, enum how how)
{
	struct connection *connection;

	if (proxy->connections_n >= CONNECTIONS_MAX && !make_room(proxy)) {
		close(fd);
		return NULL;
	}
	if ((connection = calloc(1, sizeof(*connection))) == NULL)
		abort();
	connection->proxy = proxy;
	connection->number = ++proxy->next_number;
	connection->how = how;
	connection->agent = leg_new(proxy->loop, fd);
	connection->memory.max_bytes = MEMORY_BYTES;
	list_append(&proxy->connections, &connection->link);
	proxy->connections_n++;
	return connection;
}

void
connection_event(struct connection *connection, const struct event *event)
{
	event_add(connection->proxy, connection, event);
}

void
connection_end(struct connection *connection)
{
	struct proxy *proxy = connection->proxy;

	list_remove(&connection->link);
	list_remove(&connection->awaited);
	proxy->connections_n--;
	loop_timer_stop(proxy->loop, &connection->timer);
	loop_remove(proxy->loop, &connection->peek);
	upstream_cancel(proxy, connection->dialling);
	judge_forget(connection);
	names_release(proxy->names, connection->name);
	leg_close(connection->dialled);
	leg_linger(proxy, connection->agent);
	arena_reset(&connection->memory);
	free(connection);
}

void
connections_end(struct proxy *proxy, bool (*match)(const struct connection *connection), const char *why)
{
	struct list all;
	struct connection *connection;

	list_init(&all);
	list_each(connection, &proxy->connections, struct connection, link)
		if (connection->relay_end != NULL && (match == NULL || match(connection))) {
			list_remove(&connection->link);
			list_append(&all, &connection->link);
		}
	while (!list_empty(&all)) {
		connection = list_item(all.next, struct connection, link);
		list_remove(&connection->link);
		list_append(&proxy->connections, &connection->link);
		connection->relay_end(connection, why);
	}
}
