/* Admitted connections, by the proxy's number. */
#include "sandbox/policyd/policyd.h"

#include <stdlib.h>

static struct list *
bucket_of(struct policyd *policyd, uint64_t number)
{
	return &policyd->connections[number % CONNECTION_BUCKETS];
}

struct connection *
connection_find(struct policyd *policyd, uint64_t number)
{
	struct connection *connection;

	list_each(connection, bucket_of(policyd, number), struct connection, link)
		if (connection->number == number)
			return connection;
	return NULL;
}

struct connection *
connection_new(struct policyd *policyd, uint64_t number)
{
	struct connection *connection = connection_find(policyd, number);

	if (connection != NULL) /* a proxy that counts from one again */
		connection_free(policyd, connection);
	if (policyd->connections_n == CONNECTIONS_MAX)
		return NULL;
	if ((connection = calloc(1, sizeof(*connection))) == NULL)
		abort();
	connection->number = number;
	connection->memory.max_bytes = CONNECTION_BYTES;
	list_append(bucket_of(policyd, number), &connection->link);
	policyd->connections_n++;
	return connection;
}

void
connection_free(struct policyd *policyd, struct connection *connection)
{
	list_remove(&connection->link);
	policyd->connections_n--;
	owners_drop(&policyd->observer, &connection->owners);
	arena_reset(&connection->memory);
	free(connection);
}

void
connections_clear(struct policyd *policyd)
{
	struct connection *connection;

	for (size_t i = 0; i < CONNECTION_BUCKETS; i++)
		list_each(connection, &policyd->connections[i], struct connection, link)
			connection_free(policyd, connection);
}

/* It is over. in: connection_end, from the proxy. One that was never admitted is no error. */
enum err
connection_end(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	struct policyd *policyd = self;
	struct connection *connection = connection_find(policyd, m->connection_end.connection);

	(void)why;
	if (connection != NULL) {
		record_drop(&policyd->records, connection->inode);
		connection_free(policyd, connection);
	}
	if (m->call != 0)
		answer->id = DONE;
	return OK;
}
