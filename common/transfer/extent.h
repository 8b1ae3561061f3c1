/* Where a file has bytes and where it has holes (lseek(2), SEEK_DATA), and its sum without reading the holes. */
#ifndef COMMON_TRANSFER_EXTENT_H
#define COMMON_TRANSFER_EXTENT_H

#include <stdint.h>

#include "common/base/err.h"
#include "common/transfer/sum.h"

#define EXTENT_SLICE_BYTES (16u << 20) /* of a sum, in one go of somebody who has other things to do: some 10 ms */

struct extent {
	uint64_t from, to; /* from == to == size: no more bytes, only a hole or nothing up to the end */
};

/* The next bytes at or behind offset, below size. A file system that knows no holes has one extent. ERR_SYSTEM */
enum err extent_next(int fd, uint64_t offset, uint64_t size, struct extent *out, struct why *why) must_check;

/*
 * Add the first size bytes of a file to a sum, from where the sum is on.
 *
 * errors  ERR_STATE it has less; ERR_SYSTEM
 */
enum err extent_sum(int fd, uint64_t size, struct sum *sum, struct why *why) must_check;

/* The same, a slice: until size when that is not further away. */
enum err extent_sum_slice(int fd, uint64_t size, struct sum *sum, struct why *why) must_check;

#endif
