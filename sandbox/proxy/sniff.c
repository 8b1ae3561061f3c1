/*
 * Sniffing: TLS is opened, HTTP is served, everything else is relayed as it is where no rules are to be kept, and refused
 * where they are. Where the server speaks first, it is dialled early and heard.
 */
#include "sandbox/proxy/sniff.h"

#include <stdlib.h>
#include <sys/epoll.h>

#include "common/base/text.h"
#include "common/wire/tls_hello.h"
#include "sandbox/proxy/admit.h"
#include "sandbox/proxy/event.h"
#include "sandbox/proxy/peek.h"
#include "sandbox/proxy/proxy.h"
#include "sandbox/proxy/raw.h"
#include "sandbox/proxy/reply.h"
#include "sandbox/proxy/tls.h"

static void decided(struct connection *connection, enum first_bytes what);

static void
sniff_ended(struct connection *connection, const char *why)
{
	struct event event = {.class = EVENT_NET,
	    .severity = EVENT_INFO,
	    .action = EVENT_ENDED,
	    .activity = "CLOSE",
	    .head = "connection closed",
	    .reason = span_of_text(why)};

	connection_event(connection, &event);
	connection_end(connection);
}

static void
idle_late(void *self)
{
	sniff_ended(self, "idle before the first request");
}

/* Somebody else serves it from here on. */
static void
hand_over(struct connection *connection)
{
	peek_end(connection);
	loop_timer_stop(connection->proxy->loop, &connection->timer);
	connection->relay_end = NULL;
	connection->sniffing = false;
	if (connection->dialled != NULL)
		leg_watch(connection->dialled, 0, NULL, NULL);
	leg_watch(connection->agent, 0, NULL, NULL);
}

static void
serve_http(struct connection *connection)
{
	hand_over(connection);
	admit_opened(connection);
	http_serve(connection);
}

static void
serve_raw(struct connection *connection)
{
	struct leg *dialled = connection->dialled;

	hand_over(connection);
	connection->dialled = NULL;
	connection->relay_end = sniff_ended;
	if (dialled != NULL)
		raw_relay(connection, dialled);
	else
		raw_open(connection);
}

static void
refuse_protocol(struct connection *connection)
{
	admit_tell(connection, false, "proxy", SPAN("unsupported_l7_protocol"),
	    SPAN("not HTTP, and requests must be judged here"));
	reply_error(connection->agent, 403, "unsupported_l7_protocol",
	    SPAN("only HTTP can be inspected, and this endpoint requires inspection"), SPAN_NONE);
	connection_end(connection);
}

static void
serve_other(struct connection *connection)
{
	if (connection->judged.inspect)
		refuse_protocol(connection);
	else
		serve_raw(connection);
}

/* ---- behind TLS: the first bytes are read, looked at and put back ---- */

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

static void
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

/* The server has something to say before the agent: not HTTP. */
static void
server_first(void *self, uint32_t events)
{
	struct connection *connection = self;

	(void)events;
	if (connection->relay != NULL)
		inner_decided(connection, FIRST_OTHER);
	else
		serve_raw(connection);
}

/* ---- the server may be the first to speak ---- */

static void
first_late(void *self)
{
	decided(self, FIRST_OTHER);
}

/* Nobody is there: who speaks HTTP is told so by what serves it, who waits for the server is not left waiting. */
static void
dial_failed(struct connection *connection)
{
	if (connection->sniffing)
		loop_timer_set(connection->proxy->loop, &connection->timer, SNIFF_MS,
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

/* Where nothing is inspected the server may be the first to speak. */
static void
listen_to_server(struct connection *connection)
{
	if (connection->judged.inspect)
		return;
	if (connection->dialled != NULL && leg_tls(connection->dialled) == connection->tls)
		leg_watch(connection->dialled, EPOLLIN, server_first, connection);
	else
		connection->dialling = upstream_open(connection, connection->tls, NULL, dialled, connection);
}

/* ---- TLS ---- */

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
static void
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
	r = tls_agent(connection->proxy->tls, connection->host, !(literal && connection->how == HOW_TRANSPARENT), &ssl, &why);
	if (r != OK) {
		sniff_ended(connection, why.text);
		return;
	}
	connection->sniffing = false; /* the server must wait */
	leg_handshake(connection->agent, ssl, HANDSHAKE_MS, shaken, connection);
}

/* ---- in clear ---- */

static void
decided(struct connection *connection, enum first_bytes what)
{
	if (what == FIRST_TLS)
		tls_begin(connection);
	else if (what == FIRST_HTTP1)
		serve_http(connection);
	else
		serve_other(connection); /* also HTTP/2 without TLS: none is inspected */
}

static void
peeked(struct connection *connection, struct span bytes)
{
	enum first_bytes what = FIRST_OTHER;

	if (bytes.length == 0) {
		sniff_ended(connection, "the agent ended it");
		return;
	}
	if (first_bytes(bytes, &what) != ERR_MORE || connection->peek_last)
		decided(connection, what);
	else if (connection->timer.fired != first_late || connection->timer.place == 0)
		loop_timer_set(connection->proxy->loop, &connection->timer, SNIFF_MS, first_late, connection);
}

void
sniff_begin(struct connection *connection)
{
	struct why why;

	if (connection->judged.tls_skip) {
		serve_raw(connection);
		return;
	}
	connection->relay_end = sniff_ended;
	connection->sniffing = true;
	loop_timer_set(connection->proxy->loop, &connection->timer, FIRST_MS, idle_late, connection);
	if (peek_begin(connection, FIRST_BYTES, peeked, &why) != OK)
		sniff_ended(connection, why.text);
	else
		listen_to_server(connection);
}
