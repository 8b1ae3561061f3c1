/* Files as a whole: written in one call, replaced by a rename, sealed in memory. */
#include "common/os/file.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/clean.h"

enum err
file_put(const char *path, const char *text, struct why *why)
{
	auto_fd int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		return fail_errno(why, ERR_SYSTEM, "%s", path);
	return OK;
}

static bool
all_written(int fd, struct span bytes)
{
	while (bytes.length > 0) {
		ssize_t n = write(fd, bytes.at, bytes.length);

		if (n < 0 && errno != EINTR)
			return false;
		if (n > 0)
			bytes = span_tail(bytes, (size_t)n);
	}
	return true;
}

static bool
directory_synced(const char *path)
{
	char copy[PATH_MAX];
	auto_fd int fd = -1;

	snprintf(copy, sizeof(copy), "%s", path);
	return (fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) >= 0 && fsync(fd) == 0;
}

enum err
file_replace(const char *path, mode_t mode, struct span bytes, bool lasting, struct why *why)
{
	char beside[PATH_MAX];
	auto_fd int fd = -1;
	enum err r;

	if (snprintf(beside, sizeof(beside), "%s.XXXXXX", path) >= (int)sizeof(beside))
		return fail(why, ERR_RANGE, "the path %.64s... is too long", path);
	if ((fd = mkostemp(beside, O_CLOEXEC)) < 0)
		return fail_errno(why, ERR_SYSTEM, "write %s", path);
	if (!all_written(fd, bytes) || fchmod(fd, mode) < 0 || (lasting && fsync(fd) < 0) || rename(beside, path) < 0) {
		r = fail_errno(why, ERR_SYSTEM, "write %s", path);
		unlink(beside);
		return r;
	}
	if (lasting && !directory_synced(path))
		return fail_errno(why, ERR_SYSTEM, "sync the directory of %s", path);
	return OK;
}

enum err
memfd_sealed(const char *name, struct span bytes, int *out, struct why *why)
{
	auto_fd int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0 || !all_written(fd, bytes) || lseek(fd, 0, SEEK_SET) < 0 ||
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) < 0)
		return fail_errno(why, ERR_SYSTEM, "memfd %s", name);
	*out = fd_take(&fd);
	return OK;
}

enum err
memfd_fixed(const char *name, size_t size, int *out, struct why *why)
{
	auto_fd int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0 || ftruncate(fd, (off_t)size) < 0 ||
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0)
		return fail_errno(why, ERR_SYSTEM, "memfd %s", name);
	*out = fd_take(&fd);
	return OK;
}
