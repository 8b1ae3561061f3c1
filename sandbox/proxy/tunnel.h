/* The inside of a tunnel, for tunnel.c (both directions) and messages.c (what the agent says, judged). */
#ifndef SANDBOX_PROXY_TUNNEL_H
#define SANDBOX_PROXY_TUNNEL_H

#include "common/wire/websocket.h"
#include "sandbox/proxy/frames.h"
#include "sandbox/proxy/http.h"

#define MESSAGES_MAX	 32	/* being read at once, of all connections */
#define MESSAGE_PAUSE_MS 30000	/* between two pieces of a message */
#define MESSAGE_WHOLE_MS 120000 /* for all of it */

struct tunnel {
	struct http *http;
	struct exchange *exchange; /* the handshake; lives as long as the tunnel */
	struct side *agent, *upstream;
	bool closing;
	struct frames to_agent, to_upstream; /* of a WebSocket */
	/* judged messages */
	struct websocket_reader reader;
	struct bytes message;
	char *inflated; /* what it says, where placeholders were looked for; NULL: nothing */
	enum websocket_opcode opcode;
	bool compressed;
	bool counted; /* in proxy.messages_n */
	uint64_t judging, begun_ms;
	struct timer limit;
};

/* Both directions, as far as they go. */
void tunnel_turn(void *tunnel);

/* Say so to both sides where it can be said, and end. */
void tunnel_close(struct tunnel *tunnel, unsigned code, const char *why);

/* messages.c: read, judge and pass what the agent has sent. */
void messages_take(struct tunnel *tunnel);
void messages_drop(struct tunnel *tunnel);

#endif
