/* One end of a transfer, run over standard input and output until it is over. */
#ifndef PACK_PIPE_H
#define PACK_PIPE_H

#include "common/base/err.h"
#include "common/base/span.h"

/* What the end does with bytes. */
struct pipe_end {
	enum err (*feed)(void *self, struct span bytes, struct why *why);
	enum err (*pull)(void *self, void *to, size_t room, size_t *out, struct why *why);
	bool (*over)(void *self);
	bool (*busy)(void *self); /* pull goes on with something long, though it gave nothing */
	void *self;
};

/*
 * Run it. An error of this end is told to the other, as the last parcel.
 *
 * errors  ERR_UNAVAILABLE the other end is gone; ERR_CANCELLED it said that it failed; the end's own
 */
enum err pipe_run(const struct pipe_end *end, struct why *why) must_check;

#endif
