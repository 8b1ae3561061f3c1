/* Execs: commands that callers started, from exec_start to exec_exited, which is told exactly once. */
#ifndef LINK_EXEC_H
#define LINK_EXEC_H

#include "sandbox/link/link.h"

#define EXECS_MAX 256
#define DRAIN_MS  500 /* a grandchild may hold the output open that long after the command has ended */

/* The relay is gone, and with it the callers: end their commands. */
void exec_end_all(struct link *link);

handler exec_start, exec_exited;

#endif
