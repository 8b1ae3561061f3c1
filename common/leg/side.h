/* A side: a leg with what came on it and is not taken yet, and what waits to be written; both bounded. */
#ifndef COMMON_LEG_SIDE_H
#define COMMON_LEG_SIDE_H

#include "common/base/list.h"
#include "common/leg/bytes.h"
#include "common/leg/leg.h"

#define SIDE_IN_BYTES  32768 /* read ahead; more than the longest head */
#define SIDE_OUT_BYTES 65536 /* waiting to be written when no more body is taken */

/* What a relay's sides share: each is looked at once at the end of a callback, so that what belongs together is one write. */
struct sides {
	struct list dirty;
	void (*settle)(void *self); /* the callback is over: sides_flush, and bury what has ended */
	void *self;
};

struct side {
	struct sides *all;
	struct leg *leg; /* NULL: closed */
	struct bytes in, out;
	bool ended;  /* nothing more comes */
	bool broken; /* nothing more comes or goes */
	bool finish; /* when all is written, end our sending */
	bool finished;
	bool full; /* out was over its bound: turn runs when there is room */
	uint32_t watched;
	void (*fill)(struct side *side); /* before writing: add what is due, up to SIDE_OUT_BYTES; NULL: nothing ever */
	struct list dirty;
	void (*turn)(void *self); /* bytes came, the end came, or there is room again */
	void *self;
};

/* Takes the leg and begins to read. NULL: there is none; the owner adds to in, and its fill takes out of out. */
void side_open(struct side *side, struct sides *all, struct leg *leg, void (*turn)(void *self), void *self);

/* Forget what waits and close the leg; may be done twice. */
void side_close(struct side *side);

/* The leg, for another owner; what is in side->in stays here. */
struct leg *side_give(struct side *side);

/* Queue bytes; written at the end of the callback. */
void side_write(struct side *side, struct span bytes);

/* Look at it at the end of the callback: there is something to write, or room to read again. */
void side_touch(struct side *side);

/* How many bytes of a body may be queued now. */
static inline size_t
side_room(struct side *side)
{
	size_t waiting = bytes_length(&side->out);

	if (waiting >= SIDE_OUT_BYTES || side->broken) {
		side->full = !side->broken;
		return side->broken ? SIDE_OUT_BYTES : 0; /* into a broken one anything goes, to be dropped */
	}
	return SIDE_OUT_BYTES - waiting;
}

/* Write what waits and watch for what is wanted, of all sides that were touched. */
void sides_flush(struct sides *sides);

#endif
