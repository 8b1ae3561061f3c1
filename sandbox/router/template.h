/* Templates: pieces of a request, literal or slots, written as bytes. Pure: each place has its rule, and none is bent. */
#ifndef ROUTER_TEMPLATE_H
#define ROUTER_TEMPLATE_H

#include "common/base/err.h"
#include "common/bus/message.h"
#include "common/leg/bytes.h"

/* How a secret may stand somewhere: the numbers of piece.place in proto/bus.def. */
enum place {
	PLACE_LITERAL,
	PLACE_HEADER, /* as it is; no control byte */
	PLACE_BASIC,  /* neighbours, literals too, are joined and written in base64 */
	PLACE_QUERY,  /* percent-encoded */
	PLACE_PATH,   /* percent-encoded within a segment; nothing that could end one or climb */
	PLACE_JSON,   /* inside a string; UTF-8 */
	PLACE_FORM,   /* percent-encoded */
	PLACE_TEXT,   /* as it is */
	PLACES
};

/* Sets of places. */
#define IN_PATH	 (1u << PLACE_PATH)
#define IN_QUERY (1u << PLACE_QUERY)
#define IN_FIELD (1u << PLACE_HEADER | 1u << PLACE_BASIC)
#define IN_BODY	 (1u << PLACE_JSON | 1u << PLACE_FORM | 1u << PLACE_TEXT)

#define TEMPLATE_SHOWN "[CREDENTIAL]" /* a slot, as bindings and logs see it */

/* Where values come from. */
struct filler {
	/* The secret of the slot that is pieces[which]; false: it may not be had, or not there, and why says so. */
	bool (*value)(void *self, const struct msg_piece *pieces, size_t which, struct span *out, struct why *why);
	void *self;
};

/*
 * Write the pieces behind what is in out.
 *
 * places  where slots may stand here
 * errors  ERR_INVALID a slot in another place, a secret that its place cannot hold (CR, LF and NUL: none does), a literal
 *         with a slot in one piece; ERR_NOT_FOUND filler has no value. Then out holds rubbish
 */
enum err template_write(const struct msg_piece *pieces, size_t n, uint32_t places, const struct filler *filler,
    struct bytes *out, struct why *why) must_check;

/* The same with every slot shown as these letters. */
void template_show(const struct msg_piece *pieces, size_t n, const char *slot, struct bytes *out);

#endif
