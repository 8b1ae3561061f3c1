/* Upgrades: what the handshake offers to the server, and whether its answer is one that the agent may believe. */
#include <stdio.h>

#include "common/base/text.h"
#include "common/wire/websocket_handshake.h"
#include "sandbox/proxy/http.h"

#define LIST_BYTES 4096 /* of fields joined */

/* All fields of that name as one list. */
static struct span
joined(const struct http_head *head, enum http_name name, char room[LIST_BYTES])
{
	struct text list = {room, 0, LIST_BYTES, false};

	for (size_t i = 0; i < head->fields_n; i++)
		if (head->fields[i].known == name) {
			text_add(&list, "%s", list.length > 0 ? ", " : "");
			text_add_span(&list, head->fields[i].value);
		}
	return text_span(&list);
}

/* Fields of that name go no further. */
static void
hide(struct http_head *head, enum http_name name)
{
	for (size_t i = 0; i < head->fields_n; i++)
		head->fields[i].hop |= head->fields[i].known == name;
}

static void
show(struct http_head *head, struct span name, struct span value)
{
	if (head->fields_n < HTTP_FIELDS_MAX)
		head->fields[head->fields_n++] = http_field_of(name, value);
}

/* Messages that are judged must be read: only the compression that can be read is offered. */
void
upgrade_offer(struct exchange *exchange)
{
	char room[LIST_BYTES];
	struct span offered;
	struct why why;

	if (!exchange->messages || exchange->deflate_offered)
		return;
	offered = joined(&exchange->request, HTTP_WEBSOCKET_EXTENSIONS, room);
	if (websocket_offer(offered, &exchange->deflate_offered, &why) != OK ||
	    exchange->request.fields_n == HTTP_FIELDS_MAX)
		exchange->deflate_offered = false;
	hide(&exchange->request, HTTP_WEBSOCKET_EXTENSIONS);
	if (exchange->deflate_offered)
		show(&exchange->request, SPAN("Sec-WebSocket-Extensions"), SPAN(WEBSOCKET_DEFLATE_OFFER));
}

/* RFC 6455, 4.1: the hash of the key, and a subprotocol only of those that were offered. */
static enum err
check_websocket(const struct exchange *exchange, const struct http_head *answer, struct why *why)
{
	const struct http_field *accept = http_find(answer, HTTP_WEBSOCKET_ACCEPT);
	const struct http_field *protocol = http_find(answer, HTTP_WEBSOCKET_PROTOCOL);
	char want[WEBSOCKET_ACCEPT_BYTES], room[LIST_BYTES];

	websocket_accept(http_find(&exchange->request, HTTP_WEBSOCKET_KEY)->value, want);
	if (http_count(answer, HTTP_WEBSOCKET_ACCEPT) != 1 || !span_is(accept->value, want))
		return fail(why, ERR_PROTOCOL, "the server's Sec-WebSocket-Accept is not of this key");
	if (protocol != NULL && (http_count(answer, HTTP_WEBSOCKET_PROTOCOL) != 1 ||
				    !websocket_protocol_offered(
					joined(&exchange->request, HTTP_WEBSOCKET_PROTOCOL, room), protocol->value)))
		return fail(why, ERR_PROTOCOL, "the server chose a subprotocol that was not offered");
	return OK;
}

/* The extensions that the server agreed to, in the words that the agent gets. */
static enum err
take_extensions(struct exchange *exchange, struct http_head *answer, struct why *why)
{
	struct websocket_deflate deflate = {0};
	char room[LIST_BYTES];
	struct span value;
	enum err r;

	if ((r = websocket_agreed(
		 joined(answer, HTTP_WEBSOCKET_EXTENSIONS, room), exchange->deflate_offered, &deflate, why)) != OK)
		return r;
	exchange->deflate = deflate.on;
	hide(answer, HTTP_WEBSOCKET_EXTENSIONS);
	value = exchange_copy(exchange, span_of_text(deflate.answer));
	if (deflate.on)
		show(answer, SPAN("Sec-WebSocket-Extensions"), value);
	return OK;
}

enum err
upgrade_answer(struct exchange *exchange, const struct http_head *answer, struct why *why)
{
	struct http_head told = *answer;
	enum err r;

	if (!answer->connection_upgrade || !http_same(answer->upgrade, exchange->request.upgrade))
		return fail(why, ERR_PROTOCOL, "the server switched to another protocol");
	if (exchange->websocket && (r = check_websocket(exchange, answer, why)) != OK)
		return r;
	if (exchange->messages && (r = take_extensions(exchange, &told, why)) != OK)
		return r;
	exchange->answer_begun = true;
	exchange->http->front->head(exchange, &told);
	return OK;
}
