/* Extents of files. */
#include "common/transfer/extent.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/base/clean.h"

#define READ_BYTES (128u << 10)

enum err
extent_next(int fd, uint64_t offset, uint64_t size, struct extent *out, struct why *why)
{
	off_t from = lseek(fd, (off_t)offset, SEEK_DATA), to;

	*out = (struct extent){size, size};
	if (from < 0 && errno == ENXIO)
		return OK;
	if (from < 0 && errno == EINVAL) {
		*out = (struct extent){offset, size};
		return OK;
	}
	if (from < 0 || (to = lseek(fd, from, SEEK_HOLE)) < 0)
		return fail_errno(why, ERR_SYSTEM, "look for holes");
	if ((uint64_t)from < size)
		*out = (struct extent){(uint64_t)from, (uint64_t)to < size ? (uint64_t)to : size};
	return OK;
}

static enum err
bytes_sum(int fd, const struct extent *extent, char *bytes, struct sum *sum, struct why *why)
{
	while (sum->size < extent->to) {
		uint64_t left = extent->to - sum->size;
		ssize_t n = pread(fd, bytes, left < READ_BYTES ? left : READ_BYTES, (off_t)sum->size);

		if (n < 0)
			return fail_errno(why, ERR_SYSTEM, "read");
		if (n == 0)
			return fail(why, ERR_STATE, "the file became shorter");
		sum_add(sum, bytes, (size_t)n);
	}
	return OK;
}

enum err
extent_sum(int fd, uint64_t size, struct sum *sum, struct why *why)
{
	auto_free char *bytes = malloc(READ_BYTES);
	struct extent extent;
	enum err r;

	if (bytes == NULL)
		abort();
	while (sum->size < size) {
		if ((r = extent_next(fd, sum->size, size, &extent, why)) != OK)
			return r;
		sum_add_hole(sum, extent.from - sum->size);
		if ((r = bytes_sum(fd, &extent, bytes, sum, why)) != OK)
			return r;
	}
	return OK;
}

enum err
extent_sum_slice(int fd, uint64_t size, struct sum *sum, struct why *why)
{
	uint64_t left = size - sum->size;

	return extent_sum(fd, sum->size + (left < EXTENT_SLICE_BYTES ? left : EXTENT_SLICE_BYTES), sum, why);
}
