/* intake: what a caller streams in, written to a passage as far as there is credit; the rest is kept, the caller held
 * back. */
#ifndef API_INTAKE_H
#define API_INTAKE_H

#include "services/api/passage.h"

struct intake {
	struct rpc_call *call; /* takes no message while bytes wait; NULL: all is in left from the start */
	bool held;	       /* it is held back now */
	struct span left;      /* to be written; borrowed, or kept */
	char *kept;
	bool ends; /* nothing follows left */
};

/* Bytes came from the caller: gone after this function. Only while nothing is left. */
void intake_take(struct intake *intake, struct passage *passage, struct span bytes);

/* The caller sends no more. */
void intake_end(struct intake *intake, struct passage *passage);

/* There may be credit: write on; when all is written, let the caller send again, or end the channel. */
void intake_flow(struct intake *intake, struct passage *passage);

/* Hold the caller back until intake_flow, when its passage is open. */
void intake_hold(struct intake *intake, struct rpc_call *call);

void intake_done(struct intake *intake);

#endif
