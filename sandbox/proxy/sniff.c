/*
 * Sniffing: TLS is opened, HTTP is served, everything else is relayed as it is where no rules are to be kept, and refused
 * where they are.
 */
#include "sandbox/proxy/sniff.h"

#include "common/wire/tls_hello.h"
#include "sandbox/proxy/admit.h"
#include "sandbox/proxy/event.h"
#include "sandbox/proxy/onward.h"
#include "sandbox/proxy/peek.h"
#include "sandbox/proxy/proxy.h"
#include "sandbox/proxy/raw.h"
#include "sandbox/proxy/reply.h"
#include "sandbox/proxy/sniff_inside.h"

#define UNINSPECTED "credentials of a provider may go there, and this cannot be inspected"

void
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

void
first_idle(void *self)
{
	sniff_ended(self, "idle before the first request");
}

/* Somebody else serves it from here on. */
static void
hand_over(struct connection *connection)
{
	peek_end(connection);
	list_remove(&connection->awaited);
	loop_timer_stop(connection->proxy->loop, &connection->timer);
	connection->relay_end = NULL;
	connection->sniffing = false;
	if (connection->dialled != NULL)
		leg_watch(connection->dialled, 0, NULL, NULL);
	leg_watch(connection->agent, 0, NULL, NULL);
}

void
serve_http(struct connection *connection)
{
	hand_over(connection);
	admit_opened(connection);
	http_serve(connection);
}

/* 9.6: a provider's credentials may go there, so nothing passes unread. */
static void
refuse_unread(struct connection *connection)
{
	struct event finding = {.class = EVENT_FINDING,
	    .severity = EVENT_HIGH,
	    .action = EVENT_DENIED,
	    .activity = "CREATE",
	    .head = "openshell.credentials.traffic_uninspectable",
	    .code = SPAN("uninspected_credentials")};

	admit_tell(connection, false, "proxy", SPAN("uninspected_credentials"), SPAN(UNINSPECTED));
	connection_event(connection, &finding);
	reply_error(connection->agent, 403, "uninspected_credentials", SPAN(UNINSPECTED), SPAN_NONE);
	connection_end(connection);
}

void
serve_raw(struct connection *connection)
{
	struct leg *dialled = connection->dialled;

	if (connection->judged.credentials) {
		refuse_unread(connection);
		return;
	}
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

void
serve_other(struct connection *connection)
{
	if (connection->judged.inspect)
		refuse_protocol(connection);
	else
		serve_raw(connection);
}

/* ---- in clear ---- */

/* It was dialled directly to hear whether the server speaks first; TLS goes by the operator's proxy. */
static void
dialled_forget(struct connection *connection)
{
	upstream_cancel(connection->proxy, connection->dialling);
	connection->dialling = 0;
	leg_close(connection->dialled);
	connection->dialled = NULL;
}

static void
decided(struct connection *connection, enum first_bytes what)
{
	if (what == FIRST_TLS && connection->listened)
		dialled_forget(connection);
	connection->hello = what == FIRST_TLS && connection->judged.tls_skip;
	if (connection->judged.tls_skip)
		serve_raw(connection);
	else if (what == FIRST_TLS)
		tls_begin(connection);
	else if (what == FIRST_HTTP1)
		serve_http(connection);
	else
		serve_other(connection); /* also HTTP/2 without TLS: none is inspected */
}

void
first_late(void *self)
{
	decided(self, FIRST_OTHER);
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

	if (connection->judged.tls_skip &&
	    (connection->judged.credentials || !onward_undecided(connection, connection->proxy->onward))) {
		serve_raw(connection);
		return;
	}
	connection->relay_end = sniff_ended;
	connection->sniffing = true;
	list_append(&connection->proxy->awaited, &connection->awaited);
	loop_timer_set(connection->proxy->loop, &connection->timer, FIRST_MS, first_idle, connection);
	if (peek_begin(connection, FIRST_BYTES, peeked, &why) != OK)
		sniff_ended(connection, why.text);
	else
		listen_to_server(connection);
}
