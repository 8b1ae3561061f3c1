/* The taking end of a copied tree: what parcels say is made beneath a directory, whatever they say. */
#ifndef COMMON_TRANSFER_TAKER_H
#define COMMON_TRANSFER_TAKER_H

#include "common/transfer/beneath.h"
#include "common/transfer/parcel.h"

#define TAKER_ROOM_BYTES (PARCEL_MAX_BYTES + 1) /* the least room that taker_pull wants */
#define TAKER_HOLES_MAX	 (1ull << 46)		/* 64 TiB: their sums are seconds of work */

struct taker;

struct taker_config {
	/*
	 * The directory to write in, asked once, when it is known what comes.
	 *
	 * single    one file or link; else any number of entries
	 * root      an open directory; the taker closes it
	 * name      for single: what it is called here, instead of the sender's name; must last as long as the taker
	 */
	enum err (*target)(void *self, bool single, int *root, const char **name, struct why *why);
	void *self;
	mode_t mode;	    /* bits of permission that are kept, at most 0777 */
	uint64_t holes_max; /* bytes of all holes, breaks or not; 0: TAKER_HOLES_MAX */
};

struct taker_state {
	uint64_t bytes_all, entries_all; /* as the sender counted: may be anything */
	uint64_t bytes;			 /* of files, since the last break */
	uint64_t entries;		 /* in place, breaks or not; a directory counts once */
	uint64_t summed, sum_all;	 /* of a file that is half there; sum_all 0: nothing is summed now */
	bool over; /* all is in place, and the sender was told (once taker_pull gives nothing more) */
};

struct taker *taker_new(const struct taker_config *config);

/* keep: a file that is half there stays, for another taker to go on with; else it is removed. */
void taker_free(struct taker *taker, bool keep);

/* After a break: another sender is to go on from where the last one was. */
void taker_again(struct taker *taker);

/*
 * Bytes from the sender, any pieces of them.
 *
 * errors  ERR_PROTOCOL what is no parcel, or out of order; ERR_INVALID an entry that may not be; ERR_STATE it arrived
 *         damaged; ERR_LIMIT more than holes_max of holes; ERR_CANCELLED what the sender said why it failed: a
 *         stranger's words; beneath's. All name the path.
 */
enum err taker_feed(struct taker *taker, struct span bytes, struct why *why) must_check;

/*
 * The next bytes for the sender.
 *
 * out     0: none before the next feed, but where sum_all of the state says that the next pull sums on
 * errors  ERR_SYSTEM, ERR_STATE a file that is half there cannot be read
 */
enum err taker_pull(struct taker *taker, void *to, size_t room, size_t *out, struct why *why) must_check;

struct taker_state taker_state(const struct taker *taker);

#endif
