/* The spool: log lines until state has them; bounded, and what is dropped is counted and said. */
#ifndef LINK_SPOOL_H
#define LINK_SPOOL_H

#include "sandbox/link/link.h"

#define SPOOL_LINES_MAX 2000

/*
 * Go on with the lines that a link before this one has left, or begin.
 *
 * fd      link_setup's memory, borrowed
 * errors  as journal_open
 */
enum err spool_open(struct spool *spool, int fd, struct why *why) must_check;
void spool_done(struct link *link); /* the lines stay where they are, for the next link */

/* Enrolled: send. Not enrolled any more: keep. */
void spool_begin(struct link *link);
void spool_pause(struct link *link);

/* Keep one line, at the cost of the oldest. */
void spool_add(struct spool *spool, const struct msg_log_line *line);

handler spool_take;

#endif
