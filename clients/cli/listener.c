/* An address of this machine that a forward listens on. */
#include "clients/cli/listener.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "common/base/clean.h"
#include "common/base/text.h"

#define BACKLOG 64
#define SHAPE	"it is [ADDRESS:]PORT, as 8080, 0.0.0.0:8080 or [::1]:8080"

/* The address as a socket's; 0: it is none. */
static socklen_t
socket_address(const struct listener_address *address, struct sockaddr_storage *out)
{
	struct sockaddr_in *four = (struct sockaddr_in *)out;
	struct sockaddr_in6 *six = (struct sockaddr_in6 *)out;

	*out = (struct sockaddr_storage){0};
	if (inet_pton(AF_INET, address->host, &four->sin_addr) == 1) {
		four->sin_family = AF_INET;
		four->sin_port = htons(address->port);
		return sizeof(*four);
	}
	if (inet_pton(AF_INET6, address->host, &six->sin6_addr) != 1)
		return 0;
	six->sin6_family = AF_INET6;
	six->sin6_port = htons(address->port);
	return sizeof(*six);
}

enum err
listener_parse(struct span text, uint16_t low, struct listener_address *out, struct why *why)
{
	struct listener_address read = {.host = "127.0.0.1"};
	struct sockaddr_storage unused;
	struct span host = SPAN_NONE, port = text;
	size_t colon = text.length;
	uint64_t number;

	while (colon > 0 && text.at[colon - 1] != ':')
		colon--;
	if (colon > 0) {
		host = span_head(text, colon - 1);
		port = span_tail(text, colon);
		if (host.length >= 2 && host.at[0] == '[' && host.at[host.length - 1] == ']')
			host = span_head(span_tail(host, 1), host.length - 2);
		else if (span_is(host, "localhost"))
			host = SPAN("127.0.0.1");
		else if (span_is(host, "*"))
			host = SPAN("0.0.0.0");
		else if (span_find(host, ':', &colon))
			return fail(
			    why, ERR_SYNTAX, "an IPv6 address stands in brackets: [%.*s]:PORT", SPAN_ARGS(host));
		if (!span_copy(host, read.host, sizeof(read.host)) || socket_address(&read, &unused) == 0)
			return fail(why, ERR_SYNTAX, SHAPE);
	}
	if (number_parse(port, low, UINT16_MAX, &number, NULL) != OK)
		return fail(why, ERR_SYNTAX, "%s, with a port from %u to 65535", SHAPE, low);
	read.port = (uint16_t)number;
	*out = read;
	return OK;
}

enum err
check_listener(struct span text, struct why *why)
{
	struct listener_address unused;

	return listener_parse(text, 1, &unused, why);
}

enum err
check_listener_any(struct span text, struct why *why)
{
	struct listener_address unused;

	return listener_parse(text, 0, &unused, why);
}

static enum err
listener_failed(const struct listener_address *address, struct why *why)
{
	if (errno == EADDRINUSE)
		return fail(why, ERR_BUSY, "port %u of %s is in use on this machine: another program listens there",
		    address->port, address->host);
	if (errno == EACCES)
		return fail(
		    why, ERR_DENIED, "port %u may not be listened on: ports below 1024 are root's", address->port);
	return fail_errno(why, ERR_SYSTEM, "listening on %s port %u", address->host, address->port);
}

enum err
listener_open(struct listener_address *address, int *out, struct why *why)
{
	struct sockaddr_storage at;
	socklen_t length = socket_address(address, &at);
	auto_fd int fd = socket(at.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int one = 1;

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) != 0 ||
	    bind(fd, (struct sockaddr *)&at, length) != 0 || listen(fd, BACKLOG) != 0 ||
	    getsockname(fd, (struct sockaddr *)&at, &length) != 0)
		return listener_failed(address, why);
	address->port = ntohs(
	    at.ss_family == AF_INET ? ((struct sockaddr_in *)&at)->sin_port : ((struct sockaddr_in6 *)&at)->sin6_port);
	*out = fd_take(&fd);
	return OK;
}

enum err
listener_try(const struct listener_address *address, struct why *why)
{
	struct listener_address copy = *address;
	auto_fd int fd = -1;

	return listener_open(&copy, &fd, why);
}
