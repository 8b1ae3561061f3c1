/* Records: who called connect on which socket. Without one a socket is nobody's. */
#ifndef SANDBOX_POLICYD_RECORD_H
#define SANDBOX_POLICYD_RECORD_H

#include "sandbox/policyd/identity.h"

#define RECORDS_MAX	4096
#define RECORDS_BUCKETS 1024

struct record {
	struct list bucket, age;
	uint64_t inode; /* of the socket */
	struct identity *identity;
	pid_t pid;  /* of the thread that called connect, as it was then: for events, not for decisions */
	bool asked; /* for: whoever goes now is missed by nobody */
};

struct records {
	struct identities *identities;
	struct list buckets[RECORDS_BUCKETS], age; /* oldest first */
	size_t n;
	uint64_t dropped; /* the oldest, for want of room, if nobody had asked for them */
};

void records_init(struct records *records, struct identities *identities);
void records_done(struct records *records);

/* Someone connects this socket: what was noted of it before is replaced. The record takes a reference of its own. */
void record_put(struct records *records, uint64_t inode, struct identity *identity, pid_t pid);

/* NULL: there is none; else it is marked as asked for. Borrowed until the next put or drop. */
struct record *record_find(const struct records *records, uint64_t inode);

void record_drop(struct records *records, uint64_t inode);

#endif
