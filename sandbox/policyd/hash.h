/* SHA-256 of executables: known ones by what stat says of the file, others read piece by piece between other work. */
#ifndef SANDBOX_POLICYD_HASH_H
#define SANDBOX_POLICYD_HASH_H

#include <sys/stat.h>

#include "common/base/list.h"
#include "common/os/loop.h"

#define HASH_BYTES	    32
#define HASHES_MAX	    1024
#define HASH_FILE_MAX_BYTES (4ull << 30)

struct hashes {
	struct loop *loop;
	struct list known, reading; /* known: newest first */
	size_t known_n, reading_n;
	struct timer timer;
	void (*finished)(void *self); /* a file that was ERR_MORE is known now, or is given up: ask again */
	void *self;
	uint64_t files, bytes; /* read since the start */
};

void hashes_init(struct hashes *hashes, struct loop *loop, void (*finished)(void *self), void *self);
void hashes_done(struct hashes *hashes);

/*
 * The hash of what a process executes.
 *
 * dir     of the process (proc_open)
 * file    what proc_exe_stat said
 * errors  ERR_MORE it is being read: ask again when finished runs; ERR_NOT_FOUND the process is gone, or executes
 *         another file meanwhile; ERR_DENIED it cannot be read; ERR_LIMIT it is too large, or too many are being read
 */
enum err hash_of(
    struct hashes *hashes, int dir, const struct stat *file, uint8_t out[HASH_BYTES], struct why *why) must_check;

#endif
