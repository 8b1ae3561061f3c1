/*
 * Parcels: what the two ends of a copied tree of files say to each other, over one byte stream each way.
 *
 * The taker begins: HELLO, BEGIN. The sender: HELLO, TOTAL, then for each entry, in the order of relative_order, ENTRY,
 * and behind that of a file DATA as often as needed, each further on than the last (what lies between is a hole), and
 * SUM; a directory comes again, as complete, behind all that is in it; then END. The taker acknowledges (ACK) and ends
 * with TAKEN. A file that was begun before a break is an ENTRY with again set: the taker says what it HAVEs, and the
 * sender FROM where it goes on. Either end says FAILED instead, and no more.
 *
 * On the wire: one byte of type, four of length, then the fields in network order. Of DATA the parcel is the head alone,
 * and length bytes of the file follow it.
 */
#ifndef COMMON_TRANSFER_PARCEL_H
#define COMMON_TRANSFER_PARCEL_H

#include "common/base/err.h"
#include "common/base/span.h"
#include "common/transfer/sum.h"

#define PARCEL_VERSION	  1
#define PARCEL_TEXT_MAX	  4096
#define PARCEL_MAX_BYTES  (64 + 2 * PARCEL_TEXT_MAX) /* but for the bytes behind DATA */
#define PARCEL_DATA_BYTES 13			     /* of the head of DATA */
#define PARCEL_DATA_MAX	  (256u << 10)		     /* bytes behind one */
#define PARCEL_SIZE_MAX	  (1ull << 44) /* of a file: 16 TiB. Its sum is a second's work, were it all a hole */

enum parcel_type {
	PARCEL_HELLO = 1, /* version */
	PARCEL_FAILED,	  /* text: why */
	PARCEL_BEGIN, /* text: go on behind this entry, empty: from the first; again: what follows may be half there */
	PARCEL_TOTAL, /* single: one file or link; entries, bytes: about how much it is */
	PARCEL_ENTRY, /* kind, again, mode, mtime, size, text: path, target */
	PARCEL_FROM,  /* offset */
	PARCEL_DATA,  /* offset; length bytes follow */
	PARCEL_SUM,   /* size, sum */
	PARCEL_END,   /* entries */
	PARCEL_HAVE,  /* offset, sum of what is before it */
	PARCEL_ACK,   /* entries that are done; bytes taken */
	PARCEL_TAKEN, /* entries */
	PARCEL_TYPES
};

enum parcel_kind { PARCEL_FILE = 1, PARCEL_DIRECTORY, PARCEL_COMPLETE, PARCEL_LINK };

/* All fields that a parcel may have; those of other types are 0. Spans borrow from what was read. */
struct parcel {
	enum parcel_type type;
	uint32_t length;	 /* of the fields; of DATA, how many bytes follow */
	uint8_t version, single; /* single: 0 or 1 */
	uint8_t kind, again;	 /* enum parcel_kind; 0 or 1 */
	uint16_t mode;		 /* 0 to 0777 */
	uint32_t nanoseconds;	 /* of mtime */
	uint64_t seconds;	 /* of mtime; two's complement */
	uint64_t size, offset, bytes, entries;
	struct span text, target;
	uint8_t sum[SUM_BYTES];
};

/*
 * Read one from the front of bytes.
 *
 * used    how many bytes it took
 * errors  ERR_MORE; ERR_PROTOCOL no such type, a field out of its bounds, a byte too many. Paths are checked by
 *         relative_check, not here
 */
enum err parcel_read(struct span bytes, struct parcel *out, size_t *used, struct why *why) must_check;

/* Write one to a buffer of at least PARCEL_MAX_BYTES; texts longer than PARCEL_TEXT_MAX are cut. How many bytes. */
size_t parcel_write(const struct parcel *parcel, void *to);

/* A stranger's words made safe to show: as they are where they hold no control byte, else all of them escaped. */
struct text;
void parcel_words(struct span words, struct text *to);

#endif
