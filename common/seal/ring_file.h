/* The ring's file and the master key's, read together: while a master key is replaced there are two of them. */
#ifndef COMMON_SEAL_RING_FILE_H
#define COMMON_SEAL_RING_FILE_H

#include <stdbool.h>

#include "common/seal/ring.h"

/* Where the keys are. next: the master key that replaces the other; "": none. It need not be there. */
struct ring_files {
	const char *master, *next, *ring;
};

/*
 * Read the ring with the master key that opens it. A rotation writes the next master key, then the ring sealed with it, then
 * may put it in the other's place: whatever moment this is, one of the two opens it.
 *
 * master   out: the key that opened it; both are the caller's to wipe
 * is_next  out: it was the next one
 * errors   ERR_NOT_FOUND, ERR_SYSTEM one cannot be read; ERR_INVALID not as key_file.h wants it; ERR_SYNTAX it is no ring;
 *          ERR_DENIED it was sealed with another master key, or changed
 */
enum err ring_file_read(const struct ring_files *files, struct secret *master, bool *is_next, struct ring *ring,
    struct why *why) must_check;

#endif
