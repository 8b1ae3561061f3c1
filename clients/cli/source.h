/* Where bytes for the gateway come from: a descriptor that may be slower than the gateway, or quicker, read without
 * ever blocking. */
#ifndef CLIENTS_CLI_SOURCE_H
#define CLIENTS_CLI_SOURCE_H

#include "common/base/span.h"
#include "common/os/loop.h"

#define SOURCE_PIECE (32u << 10) /* bytes that are read at once */

/* Lives in its owner's struct, all zero at first. */
struct source {
	struct loop *loop;
	int fd;
	bool always; /* epoll does not watch it (a file, /dev/zero): reads of it never wait */
	struct watch watch;
	struct timer again;
	bool running, ended;
	int error; /* errno of the read that failed; 0: none */
	bool (*took)(void *self, struct span bytes);
	void *self;
};

/*
 * Begin to read.
 *
 * took    is given what came, an empty span at the end or at an error (once, last); returns false to hear no more
 *         until source_resume. Called from the loop only
 * errors  ERR_SYSTEM the descriptor cannot be watched
 */
enum err source_start(struct source *source, struct loop *loop, int fd, bool (*took)(void *self, struct span bytes),
    void *self, struct why *why) must_check;

/* Go on after took has returned false; otherwise nothing happens. */
void source_resume(struct source *source);

/* Stop for good; the descriptor stays open. Also when it was never started. */
void source_done(struct source *source);

#endif
