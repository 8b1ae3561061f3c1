/* What the agent says on a WebSocket: each message whole, judged, then sent on as one frame. */
#include <stdlib.h>
#include <sys/random.h>

#include "common/base/clock.h"
#include "common/wire/graphql.h"
#include "common/wire/websocket_inflate.h"
#include "sandbox/proxy/event.h"
#include "sandbox/proxy/inject.h"
#include "sandbox/proxy/proxy.h"
#include "sandbox/proxy/routed.h"
#include "sandbox/proxy/tunnel.h"

#define SLOTS_PIECES 255 /* of a message with placeholders */
#define SLOTS_BYTES  (256u << 10)

enum { KIND_TEXT = 2, KIND_BINARY = 3 };
enum { VERDICT_ALLOW = 1, VERDICT_AUDIT };

/* ---- sending on ---- */

/* One frame, masked anew; the bytes are masked where they are. */
static void
frame_send(struct tunnel *tunnel, enum websocket_opcode opcode, bool compressed, char *bytes, size_t length)
{
	uint8_t head[WEBSOCKET_HEAD_BYTES], mask[4];

	if (getrandom(mask, sizeof(mask), 0) != (ssize_t)sizeof(mask))
		abort();
	side_write(
	    tunnel->upstream, span_of_bytes(head, websocket_head_write(opcode, true, compressed, length, mask, head)));
	websocket_mask(bytes, length, mask, 0);
	side_write(tunnel->upstream, span_of_bytes(bytes, length));
	tunnel->to_upstream.closed |= opcode == WEBSOCKET_CLOSE;
}

static void
message_done(struct tunnel *tunnel)
{
	loop_timer_stop(tunnel->http->loop, &tunnel->limit);
	bytes_free(&tunnel->message);
	free(tunnel->inflated);
	tunnel->inflated = NULL;
	if (tunnel->counted)
		tunnel->http->connection->proxy->messages_n--;
	tunnel->counted = false;
}

/* What the message says, in the tunnel's memory until it is done. */
static enum err
message_text(struct tunnel *tunnel, struct span *out, struct why *why)
{
	struct span text = bytes_span(&tunnel->message);
	enum err r;

	*out = text;
	if (!tunnel->compressed)
		return OK;
	if ((r = websocket_inflate(text, WEBSOCKET_TEXT_BYTES, out, why)) != OK)
		return r;
	tunnel->inflated = (char *)(uintptr_t)out->at;
	return OK;
}

/* Placeholders in it are filled by the router: true: it went there, or the tunnel was closed. */
static bool
message_fill(struct tunnel *tunnel)
{
	auto_arena struct arena arena = {.max_bytes = 16u << 20};
	struct placeholder_piece room[SLOTS_PIECES];
	struct placeholder_pieces pieces = {.at = room, .max = SLOTS_PIECES};
	struct exchange *exchange = tunnel->exchange;
	struct why why = {0};
	struct span text;
	enum err r;

	if (!exchange->rewrite_messages || tunnel->opcode != WEBSOCKET_TEXT)
		return false;
	if ((r = message_text(tunnel, &text, &why)) == OK)
		r = inject_message(exchange->http->connection->proxy, text, &arena, &pieces, &why);
	if (r == OK && pieces.n == 0)
		return false;
	if (r == OK && text.length > SLOTS_BYTES)
		tunnel_close(tunnel, WEBSOCKET_TOO_BIG, "a message with placeholders is over 256 KiB");
	else if (r == OK && routed_is(exchange))
		routed_message(exchange, text);
	else {
		http_event(exchange->http, exchange, NULL, EVENT_DENIED, exchange->policy, SPAN_NONE,
		    SPAN("credential_unavailable"), SPAN("a placeholder in a message cannot be filled"));
		tunnel_close(tunnel, WEBSOCKET_POLICY, "a placeholder in the message cannot be filled");
	}
	return true;
}

static void
message_send(struct tunnel *tunnel)
{
	struct bytes *message = &tunnel->message;

	if (message_fill(tunnel)) {
		message_done(tunnel);
		return;
	}
	frame_send(tunnel, tunnel->opcode, tunnel->compressed,
	    message->at == NULL ? NULL : message->at + message->begin, bytes_length(message));
	message_done(tunnel);
}

/* ---- judging ---- */

static void
told(struct tunnel *tunnel, enum event_action action, const struct msg_verdict *verdict)
{
	http_event(tunnel->http, tunnel->exchange, NULL, action, verdict->policy, verdict->rule, verdict->code,
	    verdict->reason);
}

static void
judged(void *self, enum err r, const struct msg_verdict *verdict, const struct why *why)
{
	struct tunnel *tunnel = self;
	struct http *http = tunnel->http;

	tunnel->judging = 0;
	if (r == OK && (verdict->what == VERDICT_ALLOW || verdict->what == VERDICT_AUDIT)) {
		told(tunnel, verdict->what == VERDICT_ALLOW ? EVENT_ALLOWED : EVENT_AUDITED, verdict);
		message_send(tunnel);
		tunnel_turn(tunnel);
	} else if (r == OK) {
		told(tunnel, EVENT_DENIED, verdict);
		tunnel_close(tunnel, WEBSOCKET_POLICY, "the message is not permitted by policy");
	} else {
		http_event(http, tunnel->exchange, NULL, EVENT_DENIED, SPAN_NONE, SPAN_NONE, SPAN("no_decision"),
		    span_of_text(why->text));
		tunnel_close(tunnel, WEBSOCKET_POLICY, "no decision could be had");
	}
	http_settle(http);
}

static void
ask(struct tunnel *tunnel, struct msg_question *question)
{
	struct exchange *exchange = tunnel->exchange;

	if (exchange->messages_free) {
		message_send(tunnel);
		return;
	}
	exchange->request.method = tunnel->opcode == WEBSOCKET_TEXT ? SPAN("WEBSOCKET_TEXT") : SPAN("WEBSOCKET_BINARY");
	question->kind = tunnel->opcode == WEBSOCKET_TEXT ? KIND_TEXT : KIND_BINARY;
	question->method = exchange->request.method;
	question->path = exchange->target.path;
	question->query = exchange->target.query;
	tunnel->judging = judge_request(tunnel->http->connection, question, judged, tunnel);
}

/* GraphQL in a text message; control messages pass unjudged. */
static void
ask_graphql(struct tunnel *tunnel, struct span text)
{
	auto_arena struct arena arena = {.max_bytes = 8u << 20};
	struct graphql_message message = {0};
	struct msg_question question = {.body = 1};
	struct why why = {0};

	if (graphql_message_read(text, &arena, &message, &why) != OK ||
	    (!message.control && !body_operations(&message.request, &arena, &question)))
		question.refusal = span_head(span_of_text(why.text[0] == '\0' ? "too many operations" : why.text), 256);
	else if (message.control) {
		message_send(tunnel);
		return;
	}
	ask(tunnel, &question);
}

static void
ask_text(struct tunnel *tunnel, struct span text)
{
	struct msg_question question = {0};

	if (tunnel->compressed && !websocket_utf8(text))
		tunnel_close(tunnel, WEBSOCKET_NOT_UTF8, "the message is not UTF-8");
	else if (tunnel->exchange->messages_graphql)
		ask_graphql(tunnel, text);
	else
		ask(tunnel, &question);
}

static void
message_whole(struct tunnel *tunnel)
{
	struct span text = bytes_span(&tunnel->message), inflated = SPAN_NONE;
	struct msg_question question = {0};
	struct why why;
	enum err r;

	if (tunnel->opcode != WEBSOCKET_TEXT) {
		ask(tunnel, &question);
		return;
	}
	if (!tunnel->compressed) {
		ask_text(tunnel, text);
		return;
	}
	if ((r = websocket_inflate(text, WEBSOCKET_TEXT_BYTES, &inflated, &why)) != OK) {
		tunnel_close(tunnel, r == ERR_LIMIT ? WEBSOCKET_TOO_BIG : WEBSOCKET_PROTOCOL, why.text);
		return;
	}
	ask_text(tunnel, inflated);
	free((void *)(uintptr_t)inflated.at);
}

/* ---- reading ---- */

static void
late(void *self)
{
	struct tunnel *tunnel = self;
	struct http *http = tunnel->http;

	tunnel_close(tunnel, WEBSOCKET_POLICY, "the message takes too long");
	http_settle(http);
}

/* A message begins: is there room for another one? */
static bool
message_begin(struct tunnel *tunnel, const struct websocket_piece *piece)
{
	struct proxy *proxy = tunnel->http->connection->proxy;

	tunnel->opcode = piece->opcode;
	tunnel->compressed = piece->compressed;
	tunnel->begun_ms = clock_ms();
	if (piece->last)
		return true;
	if (proxy->messages_n >= MESSAGES_MAX) {
		tunnel_close(tunnel, WEBSOCKET_TRY_LATER, "too many messages at once");
		return false;
	}
	proxy->messages_n++;
	tunnel->counted = true;
	return true;
}

static void
piece_take(struct tunnel *tunnel, const struct websocket_piece *piece)
{
	uint64_t spent;

	if (piece->opcode >= WEBSOCKET_CLOSE) {
		frame_send(tunnel, piece->opcode, false, (char *)(uintptr_t)piece->bytes.at, piece->bytes.length);
		return;
	}
	if (piece->first && !message_begin(tunnel, piece))
		return;
	bytes_add(&tunnel->message, piece->bytes);
	if (piece->last) {
		message_whole(tunnel);
		return;
	}
	spent = clock_ms() - tunnel->begun_ms;
	loop_timer_set(tunnel->http->loop, &tunnel->limit,
	    spent >= MESSAGE_WHOLE_MS			  ? 0
	    : spent > MESSAGE_WHOLE_MS - MESSAGE_PAUSE_MS ? MESSAGE_WHOLE_MS - spent
							  : MESSAGE_PAUSE_MS,
	    late, tunnel);
}

void
messages_take(struct tunnel *tunnel)
{
	struct bytes *in = &tunnel->agent->in;

	while (tunnel->judging == 0 && !tunnel->closing && !routed_holds(tunnel->exchange) && bytes_length(in) > 0 &&
	       side_room(tunnel->upstream) > 0) {
		struct websocket_piece piece;
		struct why why = {0};
		uint16_t code = WEBSOCKET_PROTOCOL;
		size_t used = 0;
		enum err r =
		    websocket_read(&tunnel->reader, in->at + in->begin, bytes_length(in), &used, &piece, &code, &why);

		if (r == ERR_MORE)
			break;
		if (r != OK) {
			tunnel_close(tunnel, code, why.text);
			break;
		}
		bytes_take(in, used); /* the piece stays where it is until more is read */
		piece_take(tunnel, &piece);
	}
	side_touch(tunnel->agent);
}

void
messages_drop(struct tunnel *tunnel)
{
	if (tunnel->judging != 0)
		judge_cancel(tunnel->http->connection->proxy, tunnel->judging);
	message_done(tunnel);
}
