/* credentials: all its state. */
#ifndef CREDENTIALS_CREDENTIALS_H
#define CREDENTIALS_CREDENTIALS_H

#include "common/bus/curve.h"
#include "services/credentials/config.h"
#include "services/credentials/keys.h"

struct credentials {
	struct bus bus;
	struct loop *loop;
	struct curve *curve;
	struct config *config;
	struct keys keys;
	bool serving;	 /* state has agreed that these are its keys */
	enum err failed; /* it has not: the reason is in why */
	struct why why;
	struct timer ask_again; /* keys_have */
	uint64_t
	    quiet_since_ms; /* clock_ms: since when no record is under an older key; 0: some are, or nobody knows */
	int progress_fd;    /* for rotate-key; -1: none */
	int keeper_fd;	    /* socket to the keeper of fetches (fetching.h) */
	struct watch keeper;
	struct list fetches, waiting; /* under way; and not yet */
	unsigned fetches_n, waiting_n, probes_n;
	struct onward *onward; /* the login of the operator's proxy */
	struct list retained;  /* answers that state may not have in its database yet (retained.h) */
	unsigned retained_n;
	size_t retained_bytes;
	struct list underway, held; /* refreshes that a child is at, and requests that wait for those (underway.h) */
	unsigned underway_n, held_n;
	struct timer underway_timer;
	int ledger_fd, append_fd; /* where all that is, too; -1: nowhere (ledger.h) */
	size_t ledger_read;
};

extern const struct route credentials_routes[]; /* routes.c */

/* claim.c: which master key's claim of this start vouches for that router's key? In constant time; NULL: none, which is
 * logged. */
const struct root *claim_root(const struct credentials *credentials, struct id sandbox, uint32_t epoch,
    struct span router_key, struct span router_mac);

#endif
