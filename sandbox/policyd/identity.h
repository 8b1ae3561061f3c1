/* Identity: what a process executes and what its ancestors execute, each by path and hash. */
#ifndef SANDBOX_POLICYD_IDENTITY_H
#define SANDBOX_POLICYD_IDENTITY_H

#include "sandbox/policyd/hash.h"
#include "sandbox/policyd/pin.h"
#include "sandbox/policyd/proc.h"

#define ANCESTORS_MAX 64

/* Shared by all that have the same; counted. Two processes are alike when they have the same pointer. */
struct identity {
	struct list link;
	unsigned references;
	enum err fault;		/* OK; otherwise it is nobody's that is allowed, and holds what was found before */
	struct span words;	/* of the fault */
	struct span exe;	/* NUL-terminated; empty: not known */
	struct span *ancestors; /* nearest first; the spawner is none */
	size_t ancestors_n;
	uint8_t digest[HASH_BYTES]; /* over all of it, hashes too */
};

#define IDENTITY_BUCKETS 64

struct identities {
	pid_t spawner; /* process 1 of the agent's namespace: where the walk ends */
	struct hashes *hashes;
	struct pins *pins;
	struct list buckets[IDENTITY_BUCKETS];
	size_t n;
};

void identities_init(struct identities *identities, struct hashes *hashes, struct pins *pins);

/*
 * Who is this now? Everything is read anew; hashes of files that did not change are known.
 *
 * dir     of the process, or of one of its threads (proc_open)
 * out     the caller's reference; set on every error but ERR_MORE, then with fault, words and what was found
 * errors  ERR_MORE an executable is being read: ask again; ERR_NOT_FOUND it has gone or executes something else
 *         meanwhile; ERR_DENIED it or an ancestor cannot be read, or is unlinked and new (S9); ERR_CONFLICT not the file
 *         that was first used under this path; ERR_LIMIT
 */
enum err identity_of(struct identities *identities, int dir, struct identity **out, struct why *why) must_check;

/* One that only says why there is none. The caller's reference. */
struct identity *identity_fault(struct identities *identities, enum err fault, const struct why *why);

struct identity *identity_ref(struct identity *identity);
void identity_unref(struct identities *identities, struct identity *identity); /* NULL does nothing */

#endif
