/* Trees: a command and the processes that it started, found in /proc, to be ended together. */
#ifndef SANDBOX_SUPERVISOR_TREE_H
#define SANDBOX_SUPERVISOR_TREE_H

#include <sys/types.h>

struct tree;

/*
 * The processes of a command: those of its session and group, and all that descend from them. A process that left
 * the session and whose parents have ended is not found: nothing says any more whose it was.
 */
struct tree *tree_new(pid_t leader);
void tree_free(struct tree *tree); /* NULL does nothing */

void tree_signal(const struct tree *tree, int number);

/* End all of it, and what it has started since: all are stopped first, so that none can run away by forking. */
void tree_kill(struct tree *tree, pid_t leader);

#endif
