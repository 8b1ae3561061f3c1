/* Files between this machine and a sandbox: one end of a transfer here, pack in the sandbox, a command's stream between. */
#ifndef CLIENTS_CLI_CARRY_H
#define CLIENTS_CLI_CARRY_H

#include "clients/cli/cli.h"

/* What has arrived at the other end, of how much. */
struct carried {
	uint64_t bytes, bytes_all; /* since the last break */
	uint64_t entries;	   /* breaks or not */
	uint64_t summed,
	    sum_all; /* of what is there already; sum_all 0: nothing is summed, pull waits for the next feed */
};

/* This machine's end. */
struct carry_end {
	enum err (*feed)(void *self, struct span bytes, struct why *why);
	enum err (*pull)(void *self, void *to, size_t room, size_t *out, struct why *why);
	bool (*over)(void *self);
	struct carried (*carried)(void *self);
	void (*again)(void *self); /* after a break: another pack begins */
	void *self;
};

/*
 * Run it to its end. After a break it goes on with another pack, as long as something arrives within CARRY_PATIENCE_MS.
 *
 * verb, path  pack's arguments
 * out         all that was carried, what came twice counted twice
 * errors      ERR_CANCELLED a signal asked to stop, nothing half made is left; what either end said; the gateway's own
 */
#define CARRY_PATIENCE_MS 30000
enum err carry_run(struct cli *cli, const Openshell__V1__Sandbox *sandbox, const char *verb, const char *path,
    const struct carry_end *end, struct carried *out, struct why *why) must_check;

/* "12.3 MiB" */
#define SIZE_TEXT_BYTES 24
const char *size_text(uint64_t bytes, char to[SIZE_TEXT_BYTES]);

/* The last line: what was carried, with how many entries. */
void carry_done(struct cli *cli, const char *words, const struct carried *carried);

#endif
