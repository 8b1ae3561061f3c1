/* Marks: how far the numbered lines of each process that logs here were taken, in memory that outlives this process: what
 * comes again, because nobody heard our answer, is not kept twice. */
#ifndef LINK_MARKS_H
#define LINK_MARKS_H

#include "sandbox/link/journal.h"

#define MARKS_BYTES 4096u
#define MARKS_MAX   8 /* that of the process that was heard least lately makes room */

/* All zero is a new one. */
struct mark {
	struct id source; /* one life of a process: it numbers its lines from 1 */
	uint64_t next;	  /* number of the line that is wanted */
	uint64_t taking,
	    place; /* number of what was taken last, and where it begins in the journal: for who finds us dead between the two */
	uint64_t heard; /* grows */
};

/* All zero is none. */
struct marks {
	struct mark *at;
};

/*
 * Go on with the marks behind a journal, which is open.
 *
 * fd      the memory of both, borrowed; has offset + MARKS_BYTES bytes
 * errors  ERR_SYSTEM, ERR_INVALID
 */
enum err marks_open(
    struct marks *marks, const struct journal *journal, int fd, size_t offset, struct why *why) must_check;
void marks_done(struct marks *marks); /* the memory stays */

/* That of a source; a new one wants line 1. */
struct mark *marks_find(struct marks *marks, struct id source);

/* Around the one step by which lines from mark->next on go into the journal, or are passed over there; next: wanted after it. */
void mark_begin(struct mark *mark, const struct journal *journal);
void mark_end(struct mark *mark, uint64_t next);

#endif
