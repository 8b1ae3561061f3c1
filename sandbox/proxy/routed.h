/* Requests that go by the router: those with slots, those that it signs, and model calls. */
#ifndef SANDBOX_PROXY_ROUTED_H
#define SANDBOX_PROXY_ROUTED_H

#include "sandbox/proxy/http.h"

/* Who wants to see what becomes of it; each may be NULL. */
struct routed_watch {
	/*
	 * It failed before anything of the answer went to the agent. True: it was taken care of, by another routed_send or a
	 * refusal; false: the agent is told by its code.
	 */
	bool (*failed)(struct exchange *exchange, struct span code, struct span reason, bool begun);
	/* The head of the answer (no interim ones), not passed on yet. True: it was taken care of, nothing of it goes on. */
	bool (*head)(struct exchange *exchange, struct http_head *answer);
	/* Some of its body, not passed on yet. False: the exchange was ended, touch it no more. */
	bool (*body)(struct exchange *exchange, struct span bytes);
	/* Its end, whole or broken off, not passed on yet. True: the exchange was ended. */
	bool (*end)(struct exchange *exchange, bool whole);
};

/* Where a request goes: addresses in the order to try; via: of the operator's proxy, which is asked for them (0: nobody is). */
struct routed_place {
	const struct address *addresses;
	size_t n;
	const struct address *via;
	size_t via_n;
};

/* Say so in open; what it is made of is in arena. ERR_LIMIT past its ceiling */
enum err routed_way(const struct exchange *exchange, const struct routed_place *place, struct arena *arena,
    struct msg_route_open *open, struct why *why) must_check;

/*
 * Send an exchange by the router; the answer goes to its front as any other. Its body: exchange->collected where
 * collected_whole (kept until the head of the answer came, so that it can be sent again), else what comes from the front.
 *
 * open   copied; its stream is filled in here
 * watch  NULL: nobody
 */
void routed_send(struct exchange *exchange, const struct msg_route_open *open, const struct routed_watch *watch);

/*
 * The same for a body that is made of pieces (open->body 3): sent behind it, 256 pieces at most in a message.
 */
void routed_pieces(struct exchange *exchange, struct msg_piece *pieces, size_t n);

/* Is it one of them? */
bool routed_is(const struct exchange *exchange);

/*
 * A WebSocket that goes by the router: one text message made of pieces, behind all that was written before.
 *
 * text  the message, copied; a placeholder in it is known
 */
void routed_message(struct exchange *exchange, struct span text);
bool routed_holds(const struct exchange *exchange); /* one waits for credit: take no more from the agent */

/* The router's channel is gone: what was under way fails. */
void routed_down(struct proxy *proxy);

/* From the router. */
handler route_head, route_end, routed_data, routed_credit, routed_data_end;

#endif
