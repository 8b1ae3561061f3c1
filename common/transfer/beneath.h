/* Writing below one directory and nowhere else: no name that a stranger chose leads out of it (openat2(2), Linux 5.6). */
#ifndef COMMON_TRANSFER_BENEATH_H
#define COMMON_TRANSFER_BENEATH_H

#include <stdint.h>
#include <sys/stat.h>

#include "common/transfer/relative.h"

/*
 * Where things are made. Paths were checked by relative_check.
 * Errors of all: ERR_STATE something of another kind is in the way, or a symbolic link, which is not followed;
 * ERR_DENIED, ERR_LIMIT the file system is full, ERR_SYSTEM.
 */
struct beneath {
	int root;			   /* borrowed */
	int directory;			   /* that was used last; -1: none */
	char path[RELATIVE_MAX_BYTES + 1]; /* its path */
};

void beneath_init(struct beneath *beneath, int root);
void beneath_done(struct beneath *beneath);

/* A directory that may be written by us until it is complete; one that is there already is used. */
enum err beneath_directory(struct beneath *beneath, struct span path, struct why *why) must_check;

/* Permissions and time of a directory, once all that belongs into it is there. */
enum err beneath_complete(
    struct beneath *beneath, struct span path, mode_t mode, const struct timespec *mtime, struct why *why) must_check;

/* A symbolic link, in place of a link or file that may be there. */
enum err beneath_link(struct beneath *beneath, struct span path, const char *target, const struct timespec *mtime,
    struct why *why) must_check;

/*
 * A file that is not complete: beside path, under a name that begins with RELATIVE_PART, locked against others.
 *
 * keep    what an earlier one left is kept
 * out     the caller's, for reading and writing
 * errors  also ERR_BUSY someone else writes it
 */
enum err beneath_part(struct beneath *beneath, struct span path, bool keep, int *out, struct why *why) must_check;

/* It is complete: it takes its name, in place of a link or file that may be there. */
enum err beneath_commit(struct beneath *beneath, struct span path, int fd, mode_t mode, const struct timespec *mtime,
    struct why *why) must_check;

/* It is not wanted. */
void beneath_discard(struct beneath *beneath, struct span path);

#endif
