/* Lines: what a process of a sandbox logs through its link, a line at a time; what link did not take is counted and told. */
#ifndef COMMON_BUS_LINES_H
#define COMMON_BUS_LINES_H

#include "common/bus/peer.h"

/* All zero is none yet. It outlives the bus: it is written to when a call ends. */
struct lines {
	uint64_t lost;
};

/*
 * Hand a line to link, and with it how many were lost before it.
 *
 * link     NULL: there is none, the line is lost
 * line     NULL: only what was lost is told, if something was
 * returns  false if it is lost; link may still die without an answer: then it is counted as well
 */
bool lines_tell(struct lines *lines, struct peer *link, struct id sandbox, const struct msg_log_line *line);

#endif
