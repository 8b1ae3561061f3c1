/* The detach keys: Ctrl-P Ctrl-Q in what a terminal types, found wherever the bytes were cut. */
#ifndef SSHD_DETACH_H
#define SSHD_DETACH_H

#include <stdbool.h>

#include "common/base/span.h"

/* Zero at first. */
struct detach {
	bool after_p; /* Ctrl-P came last and has not been passed on */
};

/* What is to be done with some bytes of a terminal. */
struct typed {
	bool late_p;	   /* first pass on the Ctrl-P that was held back */
	struct span bytes; /* then these, the head of what was given */
	bool detached;	   /* then leave: the rest is for nobody */
};

/* Look through bytes that were typed. A Ctrl-P at their end is held back until it is known what follows. */
struct typed detach_look(struct detach *detach, struct span bytes);

#endif
