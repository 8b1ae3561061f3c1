/* Tunnels: what passes after an upgrade, both ways; open as long as both sides want it. */
#include "sandbox/proxy/tunnel.h"

#include <stdlib.h>
#include <sys/random.h>

static void
pass(struct tunnel *tunnel, struct side *from, struct side *to, struct frames *frames)
{
	struct span bytes = span_head(bytes_span(&from->in), side_room(to));

	if (bytes.length > 0) {
		side_write(to, bytes);
		if (tunnel->exchange->websocket)
			frames_pass(frames, bytes);
		bytes_take(&from->in, bytes.length);
		side_touch(from);
	}
	if (from->ended && bytes_length(&from->in) == 0 && !to->finish && !to->broken) {
		to->finish = true;
		side_touch(to);
		http_limit(tunnel->http, HTTP_HALF_MS);
	}
}

void
tunnel_turn(void *self)
{
	struct tunnel *tunnel = self;
	struct side *agent = tunnel->agent, *upstream = tunnel->upstream;

	if (tunnel->closing || tunnel->http->over)
		return;
	pass(tunnel, upstream, agent, &tunnel->to_agent);
	if (!tunnel->exchange->messages)
		pass(tunnel, agent, upstream, &tunnel->to_upstream);
	else
		messages_take(tunnel);
	if (agent->broken || upstream->broken || (agent->finished && upstream->finished))
		http_over(tunnel->http);
	else if (tunnel->exchange->messages && agent->ended && tunnel->judging == 0 && side_room(upstream) > 0)
		http_over(tunnel->http); /* all that was whole has been sent on */
}

/* The upstream side of a tunnel belongs to a back of the pool: its turns are the tunnel's. */
void
tunnel_begin(struct exchange *exchange)
{
	struct http *http = exchange->http;
	struct tunnel *tunnel = calloc(1, sizeof(*tunnel));

	if (tunnel == NULL)
		abort();
	*tunnel = (struct tunnel){.http = http,
	    .exchange = exchange,
	    .agent = &http->agent,
	    .upstream = &exchange->back->side,
	    .reader = {.deflate = exchange->deflate}};
	exchange->upgrade = false; /* what follows is told as messages */
	exchange->request_sent = true;
	http->tunnel = tunnel;
	tunnel->agent->turn = tunnel->upstream->turn = tunnel_turn;
	tunnel->agent->self = tunnel->upstream->self = tunnel;
	loop_timer_stop(http->loop, &exchange->back->idle);
	http_limit(http, 0);
	tunnel_turn(tunnel);
	side_touch(tunnel->agent);
	side_touch(tunnel->upstream);
}

void
tunnel_close(struct tunnel *tunnel, unsigned code, const char *why)
{
	uint8_t frame[WEBSOCKET_CLOSE_BYTES], mask[4];
	struct span reason = span_of_text(why);
	enum websocket_code close_code = (enum websocket_code)code;

	if (tunnel->closing)
		return;
	tunnel->closing = true;
	if (tunnel->exchange->websocket && frames_between(&tunnel->to_agent))
		side_write(tunnel->agent, span_of_bytes(frame, websocket_close_write(close_code, reason, NULL, frame)));
	if (getrandom(mask, sizeof(mask), 0) != (ssize_t)sizeof(mask))
		abort();
	if (tunnel->exchange->websocket && frames_between(&tunnel->to_upstream))
		side_write(
		    tunnel->upstream, span_of_bytes(frame, websocket_close_write(close_code, reason, mask, frame)));
	http_over(tunnel->http);
}

void
tunnel_end(struct http *http, unsigned code, const char *why)
{
	tunnel_close(http->tunnel, code, why);
}

void
tunnel_free(struct tunnel *tunnel)
{
	messages_drop(tunnel);
	tunnel->http->tunnel = NULL;
	free(tunnel);
}

size_t
tunnel_held(const struct tunnel *tunnel)
{
	return tunnel->message.size;
}
