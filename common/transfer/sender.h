/* The sending end of a copied tree: makes parcels of it, and hears what the taker says. Does no waiting of its own. */
#ifndef COMMON_TRANSFER_SENDER_H
#define COMMON_TRANSFER_SENDER_H

#include "common/transfer/walker.h"

#define SENDER_ROOM_BYTES (PARCEL_MAX_BYTES + 1) /* the least room that sender_pull wants */

struct sender;

struct sender_config {
	struct walker_config walk; /* its after is set by the taker, or by an earlier sender (sender_done) */
	bool single;		   /* only is no directory */
	bool again;		   /* what follows after may be half there */
};

/* How far it is. */
struct sender_state {
	uint64_t bytes_all, entries_all; /* as counted before it began */
	uint64_t bytes, entries;	 /* acknowledged; a directory counts once */
	uint64_t summed, sum_all;	 /* of what the taker has already; sum_all 0: nothing is summed now */
	bool over;			 /* the taker has all of it */
};

struct sender *sender_new(const struct sender_config *config);
void sender_free(struct sender *sender);

/*
 * Bytes from the taker, any pieces of them.
 *
 * errors  ERR_PROTOCOL; ERR_CANCELLED what the taker said why it failed: a stranger's words
 */
enum err sender_feed(struct sender *sender, struct span bytes, struct why *why) must_check;

/*
 * The next bytes for the taker.
 *
 * room    at least SENDER_ROOM_BYTES
 * out     how many were written to to; 0: nothing before the next sender_feed, but where sum_all of the state says that
 *         the next pull sums on
 * errors  walker_next's; ERR_DENIED, ERR_SYSTEM a file that cannot be read
 */
enum err sender_pull(struct sender *sender, void *to, size_t room, size_t *out, struct why *why) must_check;

struct sender_state sender_state(const struct sender *sender);

/* The entry that the taker had last, to go on behind it after a break; empty: none. Good until the next feed. */
struct span sender_done(const struct sender *sender);

#endif
