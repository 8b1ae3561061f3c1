/* Sniffing behind TLS: it is opened with the sandbox's own authority; without ALPN the first bytes are read and put back. */
#include <stdlib.h>
#include <sys/epoll.h>

#include "common/base/text.h"
#include "common/wire/tls_hello.h"
#include "sandbox/proxy/admit.h"
#include "sandbox/proxy/peek.h"
#include "sandbox/proxy/proxy.h"
#include "sandbox/proxy/sniff_inside.h"
#include "sandbox/proxy/tls.h"

struct first {
	char bytes[FIRST_BYTES];
	size_t n;
};

static void
inner_decided(struct connection *connection, enum first_bytes what)
{
	struct first *first = connection->relay;
	struct why why;
	enum err r = leg_unread(connection->agent, span_of_bytes(first->bytes, first->n), &why);

	free(first);
	connection->relay = NULL;
	if (r != OK)
		sniff_ended(connection, why.text);
	else if (what == FIRST_HTTP1 || what == FIRST_HTTP2)
		serve_http(connection);
	else
		serve_other(connection);
}

void
inner_late(void *self)
{
	inner_decided(self, FIRST_OTHER);
}

static void
inner_ended(struct connection *connection, const char *why)
{
	free(connection->relay);
	connection->relay = NULL;
	sniff_ended(connection, why);
}

static void
inner_idle(void *self)
{
	inner_ended(self, "idle before the first request");
}

static void
inner_ready(void *self, uint32_t events)
{
	struct connection *connection = self;
	struct first *first = connection->relay;
	bool begun = first->n > 0;
	enum first_bytes what = FIRST_OTHER;
	struct why why;
	size_t got = 0;
	enum err r = leg_read(connection->agent, first->bytes + first->n, sizeof(first->bytes) - first->n, &got, &why);

	(void)events;
	if (r == ERR_MORE)
		return;
	if (r != OK || got == 0) {
		inner_ended(connection, "the agent ended it");
		return;
	}
	first->n += got;
	if (first_bytes(span_of_bytes(first->bytes, first->n), &what) != ERR_MORE)
		inner_decided(connection, what);
	else if (!begun)
		loop_timer_set(connection->proxy->loop, &connection->timer, SNIFF_MS, inner_late, connection);
}

static void
inner_begin(struct connection *connection)
{
	if ((connection->relay = calloc(1, sizeof(struct first))) == NULL)
		abort();
	connection->relay_end = inner_ended;
	connection->sniffing = true;
	loop_timer_set(connection->proxy->loop, &connection->timer, FIRST_MS, inner_idle, connection);
	leg_watch(connection->agent, EPOLLIN, inner_ready, connection);
	listen_to_server(connection);
}

/* ---- TLS ---- */

static void
tell_mismatch(struct connection *connection, const char *asked)
{
	char reason[300];
	struct text text = TEXT_OF(reason);

	text_add(&text, "the hello names %s", asked);
	admit_tell(connection, false, "proxy", SPAN("server_name_mismatch"), text_span(&text));
}

static void
shaken(void *self, enum err r, const struct why *why)
{
	struct connection *connection = self;
	const char *asked = r == OK ? "" : tls_agent_mismatch(leg_ssl(connection->agent));

	if (r == OK) {
		connection->tls = true;
		if (leg_alpn(connection->agent)[0] != 0)
			serve_http(connection);
		else
			inner_begin(connection);
		return;
	}
	if (asked[0] != 0) {
		tell_mismatch(connection, asked);
		connection_end(connection);
		return;
	}
	sniff_ended(connection, why->text);
}

/* A name must be asked for by its name; an address has none that could be compared (S31). */
void
tls_begin(struct connection *connection)
{
	struct address address;
	bool literal = address_parse(span_of_text(connection->host), &address);
	struct ssl_st *ssl;
	struct why why;
	enum err r;

	peek_end(connection);
	loop_timer_stop(connection->proxy->loop, &connection->timer);
	if (connection->dialled != NULL)
		leg_watch(connection->dialled, 0, NULL, NULL);
	r = tls_agent(
	    connection->proxy->tls, connection->host, !(literal && connection->how == HOW_TRANSPARENT), &ssl, &why);
	if (r != OK) {
		sniff_ended(connection, why.text);
		return;
	}
	connection->sniffing = false; /* the server must wait */
	leg_handshake(connection->agent, ssl, HANDSHAKE_MS, shaken, connection);
}
