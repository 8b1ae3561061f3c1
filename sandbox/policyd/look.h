/* The full look: which processes of the sandbox hold which sockets. */
#ifndef SANDBOX_POLICYD_LOOK_H
#define SANDBOX_POLICYD_LOOK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/base/err.h"

#define LOOK_HOLDINGS_MAX 65536
#define LOOK_FILES_MAX	  65536 /* descriptors looked at in one look: a quarter of a second */

struct holding {
	uint64_t inode;
	pid_t pid;
};

/* What one look found; the next replaces it. */
struct look {
	pid_t spawner;
	uint64_t pid_namespace;	  /* of the agent: what is in it is looked at */
	uint64_t socket_mount;	  /* proc_socket_mount */
	struct holding *holdings; /* by inode, then pid */
	size_t holdings_n, room;
	size_t files, processes;
	pid_t opaque;	 /* one that could not be looked into, so that it may hold anything; 0: none */
	uint64_t number; /* of looks */
	uint64_t ended_us, took_us;
};

/*
 * Look at every process in the agent's namespace but the spawner.
 *
 * errors  ERR_LIMIT there is too much to look at; ERR_SYSTEM /proc itself cannot be read: nothing may be allowed
 */
enum err look_now(struct look *look, struct why *why) must_check;

/*
 * How long to gather questions before the next: where there is much to see, looks take half of the time at most, however
 * fast connections come; 0 while a look takes less than 3 ms.
 */
uint32_t look_pause_ms(const struct look *look);

/* Who holds this socket: *n of them, borrowed until the next look. */
const struct holding *look_holders(const struct look *look, uint64_t inode, size_t *n);

void look_done(struct look *look);

#endif
