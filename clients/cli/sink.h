/* Where a command's bytes go out: a descriptor that may be slower than the gateway, written without ever
 * blocking. */
#ifndef CLIENTS_CLI_SINK_H
#define CLIENTS_CLI_SINK_H

#include "common/base/span.h"
#include "common/os/loop.h"

struct sink {
	struct loop *loop;
	int fd;
	bool file;     /* writes to it never wait */
	bool mid_line; /* what was written last does not end a line */
	struct watch watch;
	char *kept; /* what did not go out yet */
	size_t length, at;
	int error;		     /* errno of the write that failed; 0: none */
	void (*drained)(void *self); /* all of what was kept has gone out, or will never */
	void *self;
};

void sink_init(struct sink *sink, struct loop *loop, int fd, void (*drained)(void *self), void *self);
void sink_done(struct sink *sink);

/*
 * Write bytes unchanged.
 *
 * returns true when all went out (or the descriptor is broken: see error); false when some are kept: call
 * again only after drained
 */
bool sink_write(struct sink *sink, struct span bytes);

#endif
