/* The journal: records in the order they came, each under a number, in memory that outlives this process: the next link
 * goes on with them. */
#ifndef LINK_JOURNAL_H
#define LINK_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/base/id.h"
#include "common/base/span.h"

/* The beginning of the memory. Offsets count bytes since the first record ever; all zero is a new one. */
struct journal_head {
	struct id id;	     /* of these numbers */
	uint64_t next;	     /* number of the next record */
	uint64_t begin, end; /* offsets of the oldest record, and behind the newest */
	uint64_t unused;
};

/* All zero is none. */
struct journal {
	struct journal_head *head;
	char *at;
	size_t size, records_n;
};

/*
 * Go on with what is in the memory of fd (memfd_fixed of at least size bytes; borrowed), or begin with a new id and the
 * number 1. Nobody else writes it now, but who did may have been anybody: what is no journal is forgotten.
 *
 * size    of the memory that is used, a multiple of 16
 * good    says of each record whether it is one
 * out     *forgot: there was something, and it was no journal
 * errors  ERR_SYSTEM it cannot be mapped; ERR_INVALID it is too small, or can become so
 */
enum err journal_open(struct journal *journal, size_t size, int fd, bool (*good)(struct span bytes), bool *forgot,
    struct why *why) must_check;
void journal_done(struct journal *journal); /* the memory stays as it is */

/* Keep one more, at most a quarter of the memory; the oldest go where there is no room. */
void journal_put(struct journal *journal, struct span bytes);

/* So many numbers are passed over. */
void journal_skip(struct journal *journal, uint64_t n);

/*
 * Read the record at *at, and move on to the next.
 *
 * *at      0: the oldest
 * bytes    borrowed until it is dropped
 * returns  false where there is none any more
 */
bool journal_read(const struct journal *journal, uint64_t *at, uint64_t *number, struct span *bytes);

/* Forget the oldest, if its number is less than this one; false: it is not, or there is none. */
bool journal_drop(struct journal *journal, uint64_t below);

#endif
