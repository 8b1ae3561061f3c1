/* Transparent connections: the accepted socket's own address is where it was meant to go; a synthetic one stands for its name. */
#include "sandbox/proxy/transparent.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "sandbox/proxy/admit.h"
#include "sandbox/proxy/names.h"
#include "sandbox/proxy/proxy.h"
#include "sandbox/proxy/sniff.h"
#include "sandbox/proxy/special.h"

static void
transparent_ended(struct connection *connection, const char *why)
{
	admit_tell(connection, false, "opa", SPAN("generation"), span_of_text(why));
	connection_end(connection);
}

static void
transparent_admitted(struct connection *connection, enum err r, const struct why *why)
{
	(void)why;
	if (r != OK)
		connection_end(connection);
	else
		sniff_begin(connection);
}

static void
refuse_unnamed(struct connection *connection)
{
	admit_tell(connection, false, "proxy", SPAN("no_name"), SPAN("a synthetic address that stands for no name"));
	connection_end(connection);
}

void
transparent_begin(struct connection *connection)
{
	char text[INET6_ADDRSTRLEN] = "";

	inet_ntop(connection->server.length == 4 ? AF_INET : AF_INET6, connection->server.bytes, text, sizeof(text));
	connection->name = names_use(connection->proxy->names, &connection->server);
	admit_host(connection, span_of_text(connection->name != NULL ? name_text(connection->name) : text),
	    connection->server_port);
	connection->relay_end = transparent_ended;
	if (connection->server_port == 0)
		connection_end(connection);
	else if (connection->name == NULL && names_synthetic(&connection->server))
		refuse_unnamed(connection);
	else if (special_find(connection) != NULL)
		special_serve(special_find(connection), connection);
	else
		admit(connection, transparent_admitted);
}
