/* WebSockets by the router: a side without a leg, whose bytes go as a stream with credit; messages with slots go apart. */
#include "common/base/clean.h"
#include "sandbox/proxy/inject.h"
#include "sandbox/proxy/routed_inside.h"
#include "sandbox/proxy/tunnel.h"

#define MESSAGE_PIECES 255

/* ---- a message with slots ---- */

static enum err
message_tell(struct routed *routed, struct why *why)
{
	auto_arena struct arena arena = {.max_bytes = 16u << 20};
	struct placeholder_piece room[MESSAGE_PIECES];
	struct placeholder_pieces pieces = {.at = room, .max = MESSAGE_PIECES};
	struct msg_piece parts[MESSAGE_PIECES + 8];
	size_t n;
	enum err r;

	if ((r = inject_message(routed->proxy, bytes_span(&routed->message), &arena, &pieces, why)) != OK)
		return r;
	if ((n = inject_pieces(&pieces, parts, COUNT(parts))) == 0)
		return fail(why, ERR_LIMIT, "the message is too large to be filled in");
	routed_pieces(routed->exchange, parts, n);
	return OK;
}

/* What was before it has gone. */
static void
message_go(struct routed *routed)
{
	struct why why = {0};

	routed->held = false;
	if (message_tell(routed, &why) != OK) /* between the look at it and now the router has told of other tokens */
		tunnel_end(routed->back.http, WEBSOCKET_POLICY, "a placeholder that cannot be filled");
	bytes_free(&routed->message);
	routed->back.side.full = true; /* the agent may go on */
}

void
routed_message(struct exchange *exchange, struct span text)
{
	struct routed *routed = routed_of(exchange);

	bytes_add(&routed->message, text);
	routed->held = true;
	side_touch(&routed->back.side);
}

bool
routed_holds(const struct exchange *exchange)
{
	return routed_is(exchange) && routed_of(exchange)->held;
}

/* ---- the side ---- */

/* For side->fill: bytes out of it as far as there is credit, credit for what was taken out of it. */
static void
carry(struct side *side)
{
	struct routed *routed = list_item(side, struct routed, back.side);
	struct bytes *out = &side->out;
	uint64_t used = routed->down.got - routed->down.used - bytes_length(&side->in);
	struct why why;
	size_t n;

	while (bytes_length(out) > 0 && (n = stream_room(&routed->up)) > 0) {
		struct span bytes = span_head(bytes_span(out), n);

		if (stream_send(&routed->up, bytes.at, bytes.length, &why) != OK)
			return; /* its channel goes down, and this with it */
		bytes_take(out, bytes.length);
	}
	if (bytes_length(out) == 0 && routed->held)
		message_go(routed);
	if (side->finish && bytes_length(out) == 0 && stream_finish(&routed->up, &why) != OK)
		return;
	if (used > 0 && stream_used(&routed->down, (size_t)used, &why) != OK)
		return;
}

void
routed_upgraded(struct routed *routed, struct http_head *answer)
{
	struct exchange *exchange = routed->exchange;
	struct side *side = &routed->back.side;
	struct why why = {0};

	answer->upgrade = exchange->request.upgrade;
	answer->connection_upgrade = true;
	answer->body = HTTP_BODY_NONE;
	if (!exchange->upgrade || upgrade_answer(exchange, answer, &why) != OK) {
		routed_failed(routed, SPAN("upstream_broken"), span_of_text(why.text), true);
		return;
	}
	routed->head = true;
	side_open(side, &exchange->http->sides, NULL, NULL, NULL);
	side->fill = carry;
	tunnel_begin(exchange);
}

void
routed_tunnel_data(struct routed *routed, struct span bytes)
{
	struct side *side = &routed->back.side;

	bytes_add(&side->in, bytes);
	side->ended |= routed->down.ended;
	side_touch(side);
	tunnel_turn(routed->back.http->tunnel);
}

void
routed_tunnel_ended(struct routed *routed, struct span code, struct span reason)
{
	struct side *side = &routed->back.side;
	char words[128];

	if (code.length > 0) {
		bool ours = span_starts(code, SPAN("credential_"));

		(void)span_copy(span_head(reason, sizeof(words) - 1), words, sizeof(words));
		tunnel_end(routed->back.http, ours ? WEBSOCKET_POLICY : WEBSOCKET_GOING_AWAY, words);
		return;
	}
	side->ended = true;
	side_touch(side);
	tunnel_turn(routed->back.http->tunnel);
}
