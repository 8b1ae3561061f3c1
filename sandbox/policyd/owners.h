/* Owners: all processes that hold one socket, who must be alike. */
#ifndef SANDBOX_POLICYD_OWNERS_H
#define SANDBOX_POLICYD_OWNERS_H

#include "sandbox/policyd/look.h"
#include "sandbox/policyd/process.h"

#define OWNERS_MAX 64

struct owners {
	struct identity *identity; /* what all are; on failure the one that is not fit, or NULL */
	struct process **items;	   /* OWNERS_MAX at most; most have one */
	size_t n;
	const char *code; /* why not: identity, shared_socket, integrity */
};

/* What it takes to tell: borrowed. */
struct observer {
	struct look look;
	struct processes processes;
	struct identities *identities;
};

/*
 * Who holds this socket, by the last look?
 *
 * out     owners_drop, also after an error but ERR_MORE
 * errors  ERR_MORE an executable is being read; ERR_DENIED with code: nobody, one that cannot be looked into, or
 *         several that differ. It may be so for a moment only, between fork and exec: look again
 */
enum err owners_find(struct observer *observer, uint64_t inode, struct owners *out, struct why *why) must_check;

/*
 * Has this set changed since it was found? Known ones need to be alive and to execute the same file; new ones need to
 * be what the others are; who has let go is taken out.
 *
 * identity  of the connection
 * errors    as owners_find, and ERR_DENIED with code "owner"
 */
enum err owners_again(struct observer *observer, uint64_t inode, struct identity *identity, struct owners *owners,
    struct why *why) must_check;

/* Do all of them live and execute what they did? No look at who else there is. */
bool owners_same(struct observer *observer, const struct owners *owners);

void owners_drop(struct observer *observer, struct owners *owners);

#endif
