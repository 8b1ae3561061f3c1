/* Pipes for splice: an idle relay holds none, so a few serve thousands of connections. */
#ifndef SANDBOX_PROXY_PIPES_H
#define SANDBOX_PROXY_PIPES_H

#include <stdbool.h>

#define PIPES_SPARE 32

/* All zero: none yet. */
struct pipes {
	int spare[PIPES_SPARE][2];
	unsigned spare_n;
};

/* False: there are no descriptors left. */
bool pipes_take(struct pipes *pipes, int pipe[2]);

/* empty: nothing is in it, it can serve another. Both become -1. */
void pipes_give(struct pipes *pipes, int pipe[2], bool empty);
void pipes_done(struct pipes *pipes);

#endif
