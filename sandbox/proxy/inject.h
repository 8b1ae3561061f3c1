/*
 * Injection, this side of it (policy-and-proxy 9): placeholders found in what an agent sends, shown to rules and logs as
 * [CREDENTIAL], and sent to the router as slots. What cannot be filled is refused; nothing here knows a value.
 */
#ifndef SANDBOX_PROXY_INJECT_H
#define SANDBOX_PROXY_INJECT_H

#include "common/wire/placeholder.h"
#include "sandbox/proxy/http.h"

/* A field with slots: its number in the request's head. */
struct inject_field {
	size_t field;
	struct placeholder_pieces pieces;
};

/* What is to be filled of one request; in the exchange's memory. NULL: nothing. */
struct inject {
	enum err r;			       /* why it is refused; OK: it is not */
	const char *words;		       /* with r */
	struct placeholder_pieces path, query; /* n 0: as they are in target */
	struct inject_field *fields;
	size_t fields_n;
	struct placeholder_pieces body; /* n 0: as it was collected, or as it comes */
	bool signature;	     /* the client has signed with placeholders: its signature must be dropped (9.5) */
	struct arena memory; /* of the body */
	uint64_t resolving;  /* upstream_resolve, or 0 */
	char payload[65];    /* with signing: x-amz-content-sha256 */
};

/* The exchange's; made where there is none yet. NULL past its memory. */
struct inject *inject_needed(struct exchange *exchange);

/* The target was read: where it holds placeholders it is shown without them from here on. ERR_LIMIT. */
enum err inject_target(struct exchange *exchange, struct why *why) must_check;

/* The rest of the head. CHECK_REFUSE fills refusal. */
enum check inject_check(struct exchange *exchange, struct refusal *refusal);

/* It is allowed, by this endpoint's settings: true: it is decided; false: its body is collected first, or it is refused. */
bool inject_allowed(struct exchange *exchange, const struct msg_verdict *verdict);
void inject_collected(struct exchange *exchange);
void inject_too_large(struct exchange *exchange);

/* Refused by us, and told: the agent gets status and error, or sees its answer break off. */
void inject_refuse(struct exchange *exchange, unsigned status, const char *error, const char *words);

/*
 * What the router is to be asked; borrowed from the exchange and the arena.
 *
 * errors  ERR_LIMIT
 */
enum err inject_open(
    struct exchange *exchange, struct arena *arena, struct msg_route_open *open, struct why *why) must_check;

/* Does it go by the router? Then inject_send sends it. */
bool inject_wanted(const struct exchange *exchange);
void inject_send(struct exchange *exchange);
void inject_tell(struct exchange *exchange); /* the event of its credentials: some of it went upstream */

/* Some of a body that is not rewritten passes, or (empty) its end; false: it held a known placeholder, and the exchange is refused. */
bool inject_passes(struct exchange *exchange, struct span bytes);

/*
 * What stands behind a body passes where it holds no placeholder, known or not: none is filled there. False: the exchange
 * is refused. Of a model call nothing of it goes on.
 */
bool inject_trailers(struct exchange *exchange, const struct http_field *trailers, size_t n);

/* The exchange leaves what it waits for; then its memory goes. */
void inject_let_go(struct exchange *exchange);
void inject_free(struct exchange *exchange);

/*
 * A WebSocket text message on an endpoint that rewrites them.
 *
 * errors  as placeholder_text; OK with pieces->n 0: there is nothing in it
 */
enum err inject_message(const struct proxy *proxy, struct span text, struct arena *arena,
    struct placeholder_pieces *pieces, struct why *why) must_check;

/* As the bus has them; long literals in several. Returns how many, 0: more than max. */
size_t inject_pieces(const struct placeholder_pieces *from, struct msg_piece *to, size_t max);

#endif
