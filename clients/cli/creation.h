/* A sandbox that is being made, as sandbox create waits for it. */
#ifndef CLIENTS_CLI_CREATION_H
#define CLIENTS_CLI_CREATION_H

#include "clients/cli/cli.h"

struct creation {
	struct cli *cli;
	const char *name;
	char *id;
	Openshell__V1__Sandbox *last; /* newest state; freed with call_free */
	bool seen_other;	      /* a phase before READY was seen */
	bool ended;		      /* the main process is over */
};

/*
 * Until it is ready; or, where it is not to be kept, its main process is over. What happens meanwhile is shown.
 *
 * errors  ERR_STATE it failed, with the reason; ERR_TIMEOUT nothing happened for OPENSHELL_PROVISION_TIMEOUT (300 s);
 *         ERR_CANCELLED a signal; ERR_UNAVAILABLE the gateway went away and was not back within 5 s
 */
enum err creation_wait(struct creation *creation, struct why *why) must_check;

/* Keep a copy of the newest state in last. */
void creation_keep(struct creation *creation, const Openshell__V1__Sandbox *sandbox);

/* With --no-keep and a command: until it ends; its exit code becomes ours. Errors: as above. */
enum err creation_end(struct creation *creation, struct why *why) must_check;

#endif
