/* Processes that own connections: kept open, so that one look per request tells whether they are still the same. */
#ifndef SANDBOX_POLICYD_PROCESS_H
#define SANDBOX_POLICYD_PROCESS_H

#include "sandbox/policyd/identity.h"

#define PROCESS_BUCKETS 64

/* One life of a process, executing one file. Counted; shared by its connections. */
struct process {
	struct list link;
	unsigned references;
	pid_t pid;
	int dir; /* bound to this life: a later process of the same number is never seen through it */
	dev_t device;
	ino_t inode;	  /* of what it executes */
	uint64_t checked; /* in which round of checks it was found unchanged */
};

struct processes {
	struct list buckets[PROCESS_BUCKETS];
	uint64_t round; /* of checks; starts at 1 */
	size_t n;
};

void processes_init(struct processes *processes);

/* The process with this number as it is now; a reference. ERR_NOT_FOUND, ERR_DENIED, ERR_LIMIT as proc_open. */
enum err process_get(struct processes *processes, pid_t pid, struct process **out, struct why *why) must_check;

/* Is it still alive and executing the same file? Looked at once a round. */
bool process_same(struct processes *processes, struct process *process);

struct process *process_ref(struct process *process);
void process_unref(struct processes *processes, struct process *process); /* NULL does nothing */

#endif
