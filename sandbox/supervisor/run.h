/* Running: commands as children of the spawner, their terminals, their ends and their time limits. */
#ifndef SANDBOX_SUPERVISOR_RUN_H
#define SANDBOX_SUPERVISOR_RUN_H

#include <sys/types.h>

#include "common/base/list.h"
#include "common/bus/peer.h"

/* All commands that run. */
struct runner {
	struct loop *loop;
	struct list commands;
	void *stack; /* of the child between clone and exec, while this process waits */
	void (*exited)(void *self, uint64_t command_id, uint16_t exit_code);
	void *self;
};

enum err runner_init(struct runner *runner, struct loop *loop, void (*exited)(void *, uint64_t, uint16_t), void *self,
    struct why *why) must_check;

/*
 * Start a command: its own session and process group, default signals, descriptors 0 to 2 and nothing else.
 *
 * fds     stdin, stdout, stderr; ignored for tty
 * master  for tty, the terminal's master side, owned by the caller; else -1
 * errors  ERR_NOT_FOUND no such command or working directory; ERR_DENIED it may not be executed; ERR_INVALID it is no
 *         program; ERR_LIMIT too many processes, or too long a list of arguments; ERR_SYSTEM
 */
enum err run_start(struct runner *runner, const struct msg_spawn *m, const int fds[3], struct arena *arena, pid_t *pid,
    int *master, struct why *why) must_check;

/* Signal a command's process group; SIGKILL goes to all that it started. ERR_NOT_FOUND when it has ended. */
enum err run_signal(struct runner *runner, uint64_t command_id, int number, struct why *why) must_check;

/* Children have ended: tell of commands, reap the rest. */
void run_reap(struct runner *runner);

#endif
