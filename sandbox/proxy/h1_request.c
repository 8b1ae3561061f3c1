/* Requests upstream in HTTP/1: the head, from what was judged. */
#include "common/base/text.h"
#include "sandbox/proxy/http.h"

static void
line_write(struct side *side, const struct exchange *exchange)
{
	side_write(side, exchange->request.method);
	side_write(side, SPAN(" "));
	side_write(side, exchange->target.path);
	if (exchange->target.has_query) {
		side_write(side, SPAN("?"));
		side_write(side, exchange->target.query);
	}
	side_write(side, SPAN(" HTTP/1.1\r\n"));
}

/* Host from the place that was judged, not from what the agent wrote. */
static void
host_write(struct side *side, const struct connection *connection)
{
	bool v6 = strchr(connection->host, ':') != NULL;
	uint16_t usual = connection->tls ? 443 : 80;
	char bytes[300];
	struct text line = TEXT_OF(bytes);

	text_add_span(&line, v6 ? SPAN("Host: [") : SPAN("Host: "));
	text_add_span(&line, span_of_text(connection->host));
	text_add_span(&line, v6 ? SPAN("]") : SPAN_NONE);
	if (connection->port != usual) {
		text_add_span(&line, SPAN(":"));
		text_add_number(&line, connection->port);
	}
	text_add_span(&line, SPAN("\r\n"));
	side_write(side, text_span(&line));
}

/* Crumbs of an HTTP/2 request in one field (RFC 9113, 8.2.3). */
static void
cookies_write(struct side *side, const struct http_head *request)
{
	bool first = true;

	for (size_t i = 0; i < request->fields_n; i++) {
		if (request->fields[i].known != HTTP_COOKIE)
			continue;
		side_write(side, first ? SPAN("Cookie: ") : SPAN("; "));
		side_write(side, request->fields[i].value);
		first = false;
	}
	if (!first)
		side_write(side, SPAN("\r\n"));
}

static void
fields_write(struct side *side, const struct exchange *exchange)
{
	struct http_head *request = (struct http_head *)(uintptr_t)&exchange->request;

	if (exchange->front.stream != 0) {
		cookies_write(side, request);
		for (size_t i = 0; i < request->fields_n; i++)
			request->fields[i].hop |= request->fields[i].known == HTTP_COOKIE;
	}
	h1_head_write(side, request);
}

/* A method that means a body, of an HTTP/2 request that ended with its head: HTTP/1 says so with a length. */
static bool
says_empty(const struct exchange *exchange)
{
	struct span method = exchange->request.method;

	return exchange->front.stream != 0 && exchange->request.body == HTTP_BODY_NONE &&
	       (span_is(method, "POST") || span_is(method, "PUT") || span_is(method, "PATCH"));
}

static void
framing_write(struct side *side, const struct exchange *exchange)
{
	const struct http_head *request = &exchange->request;

	if (exchange->collected_whole)
		h1_length_write(side, bytes_length(&exchange->collected));
	else if (says_empty(exchange))
		h1_length_write(side, 0);
	else if (request->body == HTTP_BODY_LENGTH)
		h1_length_write(side, request->length);
	else if (request->body == HTTP_BODY_CHUNKED)
		side_write(side, SPAN("Transfer-Encoding: chunked\r\n"));
	if (request->expect_continue)
		side_write(side, SPAN("Expect: 100-continue\r\n"));
}

static void
connection_write(struct side *side, const struct exchange *exchange)
{
	if (exchange->http->forward)
		side_write(side, SPAN("Via: 1.1 openshell-sandbox\r\n"));
	if (exchange->upgrade) {
		side_write(side, SPAN("Connection: Upgrade\r\nUpgrade: "));
		side_write(side, exchange->request.upgrade);
		side_write(side, SPAN("\r\n"));
	} else if (exchange->http->forward)
		side_write(side, SPAN("Connection: close\r\n"));
	else if (exchange->request.trailers)
		side_write(side, SPAN("TE: trailers\r\nConnection: TE\r\n"));
}

void
h1_request_write(struct side *side, const struct exchange *exchange)
{
	line_write(side, exchange);
	host_write(side, exchange->http->connection);
	fields_write(side, exchange);
	framing_write(side, exchange);
	connection_write(side, exchange);
	side_write(side, SPAN("\r\n"));
}
