/* Fetching: jobs for short-lived children that speak with the world, each holding the one credential of its job. */
#ifndef CREDENTIALS_FETCHING_H
#define CREDENTIALS_FETCHING_H

#include "common/seal/ledger_entry.h"
#include "services/credentials/credentials.h"

#define FETCHES_MAX   32   /* at once */
#define FETCHES_WAIT  1024 /* that wait for one of those to end */
#define FETCH_WAIT_MS 2000 /* longer than the child's own limit (fetch_limit_ms) */

/*
 * How it went, from the loop, once. OK: done is borrowed for the call, and what it says lies in a room that is wiped when
 * this returns.
 */
typedef void fetch_done(void *self, enum err r, const struct msg_fetch_done *done, const struct why *why);

/*
 * Give a job to a child.
 *
 * job     copied into a room that is wiped once the child has it; limit_ms is set here
 * whose   NULL, or what the ledger is to say is begun: such a child outlives us. The caller's until done
 * errors  ERR_LIMIT FETCHES_WAIT are waiting already, or the job is too long; ERR_RANGE a field out of its bounds; done will not be
 *         called then
 */
enum err fetch_start(struct credentials *credentials, const struct msg_fetch_job *job, const struct ledger_whose *whose,
    fetch_done *done, void *self, struct why *why) must_check;

/* Nothing is under way yet; and all that is, is told that it failed. */
void fetches_init(struct credentials *credentials);
void fetches_end(struct credentials *credentials);

#endif
