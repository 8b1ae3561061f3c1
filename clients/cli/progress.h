/* The progress line: on standard error, only on a terminal, only for what takes over half a second, removed
 * cleanly. */
#ifndef CLIENTS_CLI_PROGRESS_H
#define CLIENTS_CLI_PROGRESS_H

#include "common/os/loop.h"

#define PROGRESS_AFTER_MS 500
#define PROGRESS_EVERY_MS 100

/* All zero: off. */
struct progress {
	struct loop *loop;
	struct timer timer;
	uint64_t began_ms;
	char what[200], detail[200];
	unsigned turn;
	int fd;
	bool running, shown;
};

/* Begin: "Creating demo". Nothing happens unless fd is a terminal that can move its cursor. */
void progress_start(struct progress *progress, struct loop *loop, int fd, const char *what);

/* What is happening now; made safe to show. */
void progress_detail(struct progress *progress, const char *detail);

/* Take the line away, before anything else is printed or the program ends. */
void progress_stop(struct progress *progress);

#endif
