/* Until HTTP is served: what would be inspected is refused. */
#include "sandbox/proxy/connection.h"
#include "sandbox/proxy/reply.h"

void
http_serve(struct connection *connection)
{
	reply_empty(connection->agent, 503);
	connection_end(connection);
}

void
http_forward(struct connection *connection)
{
	http_serve(connection);
}
