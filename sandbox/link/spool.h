/* The spool: log lines until state has them; bounded, and what is dropped is counted and said. */
#ifndef LINK_SPOOL_H
#define LINK_SPOOL_H

#include "sandbox/link/link.h"

#define SPOOL_LINES_MAX 2000
#define SPOOL_BYTES_MAX (1u << 20)

void spool_init(struct spool *spool);
void spool_done(struct link *link);

/* Enrolled: send. Not enrolled any more: keep. */
void spool_begin(struct link *link);
void spool_pause(struct link *link);

/* Keep one line, at the cost of the oldest. */
void spool_add(struct spool *spool, const struct msg_log_line *line);

handler spool_take;

#endif
