/* The client's way to a connected socket: endpoint, addresses, TCP; each step that fails is named. */
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/base/clean.h"
#include "common/base/clock.h"
#include "common/base/text.h"
#include "common/rpc/client_link.h"
#include "common/rpc/tls.h"

/* "host", "host:port", "[v6]:port" */
static enum err
authority_parse(struct rpc_client *client, struct span text, struct why *why)
{
	struct span host = text, port = client->tls ? SPAN("443") : SPAN("80");
	size_t at;
	uint64_t number;
	enum err r;

	if (text.length > 0 && text.at[0] == '[' && span_find(text, ']', &at)) {
		host = span_tail(span_head(text, at), 1);
		text = span_tail(text, at + 1);
	} else if (span_find(text, ':', &at)) {
		host = span_head(text, at);
		text = span_tail(text, at);
	} else
		text = SPAN_NONE;
	if (text.length > 0 && text.at[0] != ':')
		return fail(why, ERR_INVALID, "no colon before the port");
	if (text.length > 0)
		port = span_tail(text, 1);
	if ((r = number_parse(port, 1, UINT16_MAX, &number, why)) != OK)
		return because(why, ERR_INVALID, "port");
	if (host.length == 0 || !span_copy(host, client->host, sizeof(client->host)) ||
	    !span_copy(port, client->port, sizeof(client->port)))
		return fail(why, ERR_INVALID, "the host's name is empty or too long");
	return OK;
}

enum err
client_endpoint(struct rpc_client *client, const char *endpoint, struct why *why)
{
	static const char *const schemes[] = {"http://", "https://"};
	struct span text = span_of_text(endpoint);
	enum err r;

	if (span_starts(text, SPAN("unix:"))) {
		if (!span_copy(span_tail(text, 5), client->socket_path, sizeof(client->socket_path)))
			return fail(why, ERR_INVALID, "endpoint %s: the path is too long", endpoint);
		snprintf(client->authority, sizeof(client->authority), "localhost");
		return OK;
	}
	for (size_t i = 0; i < COUNT(schemes); i++) {
		if (!span_starts(text, span_of_text(schemes[i])))
			continue;
		client->tls = i == 1;
		text = span_tail(text, strlen(schemes[i]));
		text = span_cut(&text, '/');
		if ((r = authority_parse(client, text, why)) != OK)
			return because(why, r, "endpoint %s", endpoint);
		snprintf(client->authority, sizeof(client->authority), SPAN_FORMAT, SPAN_ARGS(text));
		return OK;
	}
	return fail(why, ERR_INVALID, "endpoint %s is neither http://host:port nor https://host:port", endpoint);
}

/* Serve the loop until the watch has fired or the time is over. */
struct wait {
	struct watch watch;
	bool done;
};

static void
wait_ready(void *self, uint32_t events)
{
	struct wait *wait = self;

	(void)events;
	wait->done = true;
}

static enum err
socket_wait(struct rpc_client *client, int fd, uint64_t until_ms, struct why *why)
{
	struct wait wait = {0};
	enum err r = loop_add(client->loop, &wait.watch, fd, EPOLLOUT, wait_ready, &wait, why);
	int error = 0;
	socklen_t length = sizeof(error);

	while (r == OK && !wait.done) {
		uint64_t now = clock_ms();

		if (now >= until_ms)
			r = fail(why, ERR_UNAVAILABLE, "no answer in time");
		else if (loop_stopping(client->loop))
			r = fail(why, ERR_UNAVAILABLE, "interrupted");
		else
			r = loop_turn(client->loop, (int)(until_ms - now), why);
	}
	loop_remove(client->loop, &wait.watch);
	if (r != OK)
		return r;
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) == 0 && error != 0)
		return fail(why, ERR_UNAVAILABLE, "%s", strerror(error));
	return OK;
}

static enum err
address_connect(struct rpc_client *client, const struct sockaddr *address, socklen_t length, uint64_t until_ms,
    int *out, struct why *why)
{
	auto_fd int fd = socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int yes = 1;
	enum err r;

	if (fd < 0)
		return fail_errno(why, ERR_UNAVAILABLE, "socket");
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
	if (connect(fd, address, length) < 0) {
		if (errno != EINPROGRESS)
			return fail(why, ERR_UNAVAILABLE, "%s", strerror(errno));
		if ((r = socket_wait(client, fd, until_ms, why)) != OK)
			return r;
	}
	*out = fd_take(&fd);
	return OK;
}

static enum err
tcp_connect(struct rpc_client *client, uint64_t until_ms, int *out, struct why *why)
{
	const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_family = AF_UNSPEC};
	struct addrinfo *found = NULL;
	enum err r = ERR_UNAVAILABLE;
	int e = getaddrinfo(client->host, client->port, &hints, &found);

	if (e != 0)
		return fail(why, ERR_UNAVAILABLE, "resolve %s: %s", client->host, gai_strerror(e));
	for (struct addrinfo *at = found; at != NULL && r != OK; at = at->ai_next)
		r = address_connect(client, at->ai_addr, at->ai_addrlen, until_ms, out, why);
	freeaddrinfo(found);
	return r == OK ? OK : because(why, r, "connect to %s", client->authority);
}

static enum err
unix_connect(struct rpc_client *client, uint64_t until_ms, int *out, struct why *why)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	enum err r;

	memcpy(address.sun_path, client->socket_path, sizeof(client->socket_path));
	r = address_connect(client, (struct sockaddr *)&address, sizeof(address), until_ms, out, why);
	return r == OK ? OK : because(why, r, "connect to %s", client->socket_path);
}

enum err
client_connect(struct rpc_client *client, uint32_t timeout_ms, struct why *why)
{
	uint64_t until_ms = clock_ms() + timeout_ms;
	auto_fd int fd = -1;
	SSL *ssl = NULL;
	enum err r;

	if (client->socket_path[0] != '\0')
		r = unix_connect(client, until_ms, &fd, why);
	else
		r = tcp_connect(client, until_ms, &fd, why);
	if (r != OK)
		return r;
	if (client->tls && (r = tls_client_session(&ssl, client->context, client->host, why)) != OK)
		return r;
	if ((r = pump_open(
		 &client->pump, client->loop, fd_take(&fd), ssl, client_bytes, client_changed, client, why)) != OK)
		return r;
	client_changed(client);
	while (r == OK && !client->settled && !client->lost) {
		uint64_t now = clock_ms();

		if (now >= until_ms)
			r = fail(why, ERR_UNAVAILABLE, "%s with %s: no answer in time",
			    client->pump.state == PUMP_HANDSHAKE ? "TLS" : "HTTP/2", client->authority);
		else if (loop_stopping(client->loop))
			r = fail(why, ERR_UNAVAILABLE, "interrupted");
		else
			r = loop_turn(client->loop, (int)(until_ms - now), why);
	}
	return r == OK && client->lost ? fail(why, ERR_UNAVAILABLE, "%s", client->why.text) : r;
}
