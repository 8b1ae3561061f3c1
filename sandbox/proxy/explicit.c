/* The explicit proxy: one head, read while it stays in the socket, then one of two ways. */
#include "sandbox/proxy/explicit.h"

#include <stdio.h>
#include <string.h>

#include "common/base/text.h"
#include "common/wire/http_head.h"
#include "common/wire/http_target.h"
#include "sandbox/proxy/absolute.h"
#include "sandbox/proxy/admit.h"
#include "sandbox/proxy/peek.h"
#include "sandbox/proxy/proxy.h"
#include "sandbox/proxy/reply.h"
#include "sandbox/proxy/sniff.h"
#include "sandbox/proxy/special.h"

#define DETAIL_BYTES 1024
#define TARGET_BYTES 512 /* of a path that is shown */

static const char established[] = "HTTP/1.1 200 Connection Established\r\n\r\n";

static void
end_silently(struct connection *connection, const char *why)
{
	(void)why;
	connection_end(connection);
}

static void
refuse_empty(struct connection *connection, unsigned status)
{
	reply_empty(connection->agent, status);
	connection_end(connection);
}

static void
head_late(void *self)
{
	connection_end(self); /* who does not finish a head in time hears nothing */
}

/* "CONNECT h:p" or "GET h:p/path", as details begin; h in brackets where it has colons. */
static void
add_what(struct text *text, const struct connection *connection)
{
	bool v6 = strchr(connection->host, ':') != NULL;
	const char *what = connection->what != NULL ? connection->what : "CONNECT ";
	size_t method = strcspn(what, " ");

	text_add(text, "%.*s %s%s%s:%u%s", (int)method, what, v6 ? "[" : "", connection->host, v6 ? "]" : "",
	    connection->port, what + method + 1);
}

/* ---- refusals with a body ---- */

static void
refuse(struct connection *connection, const char *error, const char *words, struct span reason)
{
	char detail[DETAIL_BYTES];
	struct text text = TEXT_OF(detail);

	add_what(&text, connection);
	text_add(&text, " %s", words);
	reply_error(connection->agent, 403, error, text_span(&text), reason);
	connection_end(connection);
}

static void
policy_changed(struct connection *connection, const char *why)
{
	(void)why;
	admit_tell(connection, false, "opa", SPAN("generation"), SPAN("policy changed"));
	refuse(connection, "policy_denied", "not permitted because policy changed", SPAN_NONE);
}

static void
refuse_admission(struct connection *connection, enum err r, const struct why *why)
{
	if (r == ERR_CONFLICT)
		refuse(connection, "policy_denied", "not permitted because policy changed", SPAN_NONE);
	else
		refuse(connection, "policy_denied", "not permitted by policy", span_of_text(why->text));
}

/* ---- CONNECT ---- */

static void
connect_dialled(void *self, enum err r, struct leg *leg, const struct why *why)
{
	struct connection *connection = self;
	char words[WHY_BYTES + 16];
	struct why broken;
	size_t put = 0;

	connection->dialling = 0;
	if (r == ERR_DENIED) {
		admit_tell(connection, false, "ssrf", SPAN("ssrf_denied"), span_of_text(why->text));
		snprintf(words, sizeof(words), "blocked: %s", why->text);
		refuse(connection, "ssrf_denied", words, SPAN_NONE);
		return;
	}
	if (r != OK) {
		admit_failed(connection, SPAN("upstream_unreachable"), span_of_text(why->text));
		reply_error(connection->agent, 502, "upstream_unreachable", span_of_text(why->text), SPAN_NONE);
		connection_end(connection);
		return;
	}
	connection->dialled = leg;
	admit_opened(connection);
	if (leg_write(connection->agent, established, sizeof(established) - 1, &put, &broken) != OK ||
	    put != sizeof(established) - 1)
		connection_end(connection);
	else
		sniff_begin(connection);
}

/* Its addresses are judged. What goes by the operator's proxy is sent on its way when it has begun to speak TLS. */
static void
connect_pinned(void *self, enum err r, struct leg *leg, const struct why *why)
{
	struct connection *connection = self;

	connection->dialling = 0;
	if (r != OK || connection->onward)
		connect_dialled(connection, r, leg, why);
	else
		connection->dialling = upstream_open(connection, false, NULL, connect_dialled, connection);
}

static void
connect_admitted(struct connection *connection, enum err r, const struct why *why)
{
	if (r != OK)
		refuse_admission(connection, r, why);
	else if (connection->judged.credentials && connection->judged.tls_skip)
		sniff_begin(connection); /* which refuses it; the agent is not told that its way is open */
	else if (connection->proxy->onward != NULL)
		connection->dialling = upstream_pin(connection, connect_pinned, connection);
	else
		connection->dialling = upstream_open(connection, false, NULL, connect_dialled, connection);
}

/* As the client wrote it: with a trailing dot it is another text, which no policy has (S3). */
static struct span
host_said(const struct http_authority *authority)
{
	return (struct span){authority->host.at, authority->host.length + authority->dot};
}

/* Host and port are known: one of ours answers itself, any other needs a decision. */
static void
serve(struct connection *connection, void (*admitted)(struct connection *, enum err, const struct why *))
{
	const struct special *special = special_find(connection);

	connection->relay_end = policy_changed;
	if (special != NULL)
		special_serve(special, connection);
	else
		admit(connection, admitted);
}

static void
connect_begin(struct connection *connection, const struct http_head *head, size_t used)
{
	struct http_authority authority;
	struct address address;
	struct why why;

	connection->how = HOW_CONNECT;
	peek_take(connection, used);
	if (head->body != HTTP_BODY_NONE || http_authority_parse(head->target, &authority, &why) != OK ||
	    !authority.has_port ||
	    (authority.brackets && (!address_parse(authority.host, &address) || address.length != 16)) ||
	    !admit_host(connection, host_said(&authority), authority.port)) {
		refuse_empty(connection, 400);
		return;
	}
	serve(connection, connect_admitted);
}

/* ---- absolute form ---- */

static void
forward_admitted(struct connection *connection, enum err r, const struct why *why)
{
	if (r != OK) {
		refuse_admission(connection, r, why);
		return;
	}
	connection->relay_end = NULL;
	http_forward(connection);
}

/* What the refusal of this request would begin with: "METHOD /path", without a query. */
static bool
what_keep(struct connection *connection, const struct http_head *head, struct span path)
{
	connection->what = arena_format(&connection->memory, SPAN_FORMAT " %s" SPAN_FORMAT, SPAN_ARGS(head->method),
	    path.length == 0 ? "/" : "", SPAN_ARGS(span_head(path, TARGET_BYTES)));
	return connection->what != NULL;
}

static void
forward_http(struct connection *connection, const struct http_head *head, const struct absolute *absolute)
{
	const struct http_authority *authority = &absolute->authority;

	connection->how = HOW_FORWARD;
	if (!admit_host(connection, host_said(authority), authority->has_port ? authority->port : 80) ||
	    !what_keep(connection, head, absolute->path)) {
		refuse_empty(connection, 400);
		return;
	}
	serve(connection, forward_admitted);
}

static void
absolute_begin(struct connection *connection, const struct http_head *head)
{
	struct absolute absolute;
	struct why why;

	if (absolute_parse(head->target, &absolute, &why) != OK) {
		refuse_empty(connection, 400);
	} else if (absolute.scheme == ABSOLUTE_HTTP) {
		forward_http(connection, head, &absolute);
	} else if (absolute.scheme == ABSOLUTE_HTTPS) {
		reply_text(connection->agent, 400, "Use CONNECT for HTTPS URLs");
		connection_end(connection);
	} else {
		reply_error(connection->agent, 400, "unsupported_proxy_scheme", SPAN("only http:// can be forwarded"),
		    SPAN_NONE);
		connection_end(connection);
	}
}

/* ---- the head ---- */

static void
head_peeked(struct connection *connection, struct span bytes)
{
	struct http_head head;
	struct why why;
	size_t used;
	enum err r = http_request_parse(bytes, HTTP_FIRST_HEAD_BYTES, &head, &used, &why);

	if (bytes.length == 0 || (r == ERR_MORE && connection->peek_last)) {
		connection_end(connection);
		return;
	}
	if (r == ERR_MORE)
		return;
	peek_end(connection);
	list_remove(&connection->awaited);
	loop_timer_stop(connection->proxy->loop, &connection->timer);
	if (r != OK)
		refuse_empty(connection, r == ERR_RANGE ? 431 : 400);
	else if (span_is(head.method, "CONNECT"))
		connect_begin(connection, &head, used);
	else
		absolute_begin(connection, &head);
}

void
explicit_begin(struct connection *connection)
{
	struct why why;

	connection->relay_end = end_silently;
	list_append(&connection->proxy->awaited, &connection->awaited);
	loop_timer_set(connection->proxy->loop, &connection->timer, HEAD_MS, head_late, connection);
	if (peek_begin(connection, HTTP_FIRST_HEAD_BYTES + 1, head_peeked, &why) != OK)
		connection_end(connection);
}
