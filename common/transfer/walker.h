/* A tree of files in the order of relative_order, without following a link, as deep as RELATIVE_MAX_DEPTH. */
#ifndef COMMON_TRANSFER_WALKER_H
#define COMMON_TRANSFER_WALKER_H

#include <stdint.h>
#include <sys/stat.h>

#include "common/transfer/parcel.h"
#include "common/transfer/relative.h"

struct walker;

struct walker_config {
	int root;	   /* a directory; borrowed */
	const char *only;  /* one entry of it, with all that is below; NULL: all that is in root. Borrowed */
	struct span after; /* begin behind this entry; empty: at the first. Borrowed */
	/* Is it to be copied? NULL: everything is. */
	bool (*wanted)(void *self, struct span path, bool directory);
	void *self;
};

/* One step. */
struct walked {
	enum parcel_kind kind; /* 0: the walk is over */
	struct span path;      /* good until the next step */
	const char *name;      /* its last part; ditto */
	int directory;	       /* that it is in; ditto */
	struct stat st;	       /* for a file or link not more than a hint: look again when it is open */
};

struct walker *walker_new(const struct walker_config *config);
void walker_free(struct walker *walker);

/*
 * The next entry. What went away since its directory was read is passed over, and so are parts of files (RELATIVE_PART).
 *
 * errors  ERR_INVALID an entry that is no file, directory or link, or too deep; ERR_DENIED, ERR_SYSTEM naming the path;
 *         ERR_LIMIT a directory with too many entries
 */
enum err walker_next(struct walker *walker, struct walked *out, struct why *why) must_check;

#endif
