/* Connections of `forward service`, each carried into the sandbox by a stream of its own. */
#ifndef CLIENTS_CLI_FORWARD_PASSAGE_H
#define CLIENTS_CLI_FORWARD_PASSAGE_H

#include "clients/cli/cli.h"
#include "common/base/list.h"

/* All of one forward: where they go, and whom to tell when there is one fewer. All borrowed. */
struct forward_passages {
	struct cli *cli;
	const char *name, *sandbox_id, *host;
	uint16_t port;
	void (*fewer)(void *self);
	void *self;
	struct list all; /* list_init */
	size_t count;
};

/* One more; fd is taken. Why it fails is said to the person, and that is all. */
void forward_passage_begin(struct forward_passages *all, int fd);

/* The connection to the gateway goes: all of them end, and fewer is not called. */
void forward_passages_end(struct forward_passages *all);

#endif
