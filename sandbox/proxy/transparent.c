/* Transparent connections: where it went is asked of the kernel; a synthetic address stands for its name. */
#include "sandbox/proxy/transparent.h"

#include <arpa/inet.h>
#include <linux/netfilter_ipv4.h>
#include <linux/netfilter_ipv6/ip6_tables.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "sandbox/proxy/admit.h"
#include "sandbox/proxy/names.h"
#include "sandbox/proxy/proxy.h"
#include "sandbox/proxy/sniff.h"

/* The original destination (netfilter's SO_ORIGINAL_DST); without a redirection it is where the socket is. */
static bool
destination_get(struct connection *connection)
{
	int fd = leg_fd(connection->agent);
	struct sockaddr_in v4 = {0};
	struct sockaddr_in6 v6 = {0};
	socklen_t length4 = sizeof(v4), length6 = sizeof(v6);

	if (connection->server.length == 4) {
		if (getsockopt(fd, IPPROTO_IP, SO_ORIGINAL_DST, &v4, &length4) < 0)
			return false;
		memcpy(connection->server.bytes, &v4.sin_addr, 4);
		connection->server_port = ntohs(v4.sin_port);
		return true;
	}
	if (getsockopt(fd, IPPROTO_IPV6, IP6T_SO_ORIGINAL_DST, &v6, &length6) < 0)
		return false;
	memcpy(connection->server.bytes, &v6.sin6_addr, 16);
	connection->server_port = ntohs(v6.sin6_port);
	return true;
}

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
	bool found = destination_get(connection);

	inet_ntop(connection->server.length == 4 ? AF_INET : AF_INET6, connection->server.bytes, text, sizeof(text));
	connection->name = found ? names_use(connection->proxy->names, &connection->server) : NULL;
	admit_host(connection, span_of_text(connection->name != NULL ? name_text(connection->name) : text),
	    connection->server_port);
	connection->relay_end = transparent_ended;
	if (!found || connection->server_port == 0)
		connection_end(connection);
	else if (connection->name == NULL && names_synthetic(&connection->server))
		refuse_unnamed(connection);
	else
		admit(connection, transparent_admitted);
}
