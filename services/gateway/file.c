/* Files: atomic writing, directories, memfds. */
#include "services/gateway/file.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <unistd.h>

#include "common/base/clean.h"
#include "common/base/log.h"
#include "common/os/remove.h"

#define ENTRIES_AT_ONCE 10000

static enum err
dir_sync(const char *path, struct why *why)
{
	char copy[PATH_MAX];
	auto_fd int fd = -1;

	snprintf(copy, sizeof(copy), "%s", path);
	if ((fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0 || fsync(fd) < 0)
		return fail_errno(why, ERR_SYSTEM, "sync the directory of %s", path);
	return OK;
}

static enum err
bytes_write(int fd, const char *path, mode_t mode, struct span bytes, bool sync, struct why *why)
{
	for (size_t done = 0; done < bytes.length;) {
		ssize_t n = write(fd, bytes.at + done, bytes.length - done);

		if (n < 0 && errno != EINTR)
			return fail_errno(why, ERR_SYSTEM, "write %s", path);
		done += n < 0 ? 0 : (size_t)n;
	}
	if (fchmod(fd, mode) < 0 || (sync && fsync(fd) < 0))
		return fail_errno(why, ERR_SYSTEM, "write %s", path);
	return OK;
}

static enum err
write_beside(const char *path, mode_t mode, struct span bytes, bool sync, struct why *why)
{
	char temporary[PATH_MAX];
	auto_fd int fd = -1;
	enum err r;

	if (snprintf(temporary, sizeof(temporary), "%s.XXXXXX", path) >= (int)sizeof(temporary))
		return fail(why, ERR_RANGE, "the path %.64s... is too long", path);
	if ((fd = mkostemp(temporary, O_CLOEXEC)) < 0)
		return fail_errno(why, ERR_SYSTEM, "write %s", path);
	r = bytes_write(fd, path, mode, bytes, sync, why);
	if (r == OK && rename(temporary, path) < 0)
		r = fail_errno(why, ERR_SYSTEM, "write %s", path);
	if (r != OK)
		unlink(temporary);
	return r;
}

enum err
file_write(const char *path, mode_t mode, struct span bytes, struct why *why)
{
	enum err r = write_beside(path, mode, bytes, true, why);

	return r != OK ? r : dir_sync(path, why);
}

enum err
file_write_quick(const char *path, mode_t mode, struct span bytes, struct why *why)
{
	return write_beside(path, mode, bytes, false, why);
}

enum err
file_read(const char *path, char *to, size_t size, size_t *length, struct why *why)
{
	auto_fd int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	size_t used = 0;
	ssize_t n = 1;

	if (fd < 0)
		return fail_errno(why, errno == ENOENT ? ERR_NOT_FOUND : ERR_SYSTEM, "open %s", path);
	while (used < size - 1 && (n = read(fd, to + used, size - 1 - used)) > 0)
		used += (size_t)n;
	if (n < 0)
		return fail_errno(why, ERR_SYSTEM, "read %s", path);
	to[used] = '\0';
	if (length != NULL)
		*length = used;
	return OK;
}

bool
file_exists(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0;
}

static enum err
parents_make(const char *path, struct why *why)
{
	char part[PATH_MAX];

	for (const char *slash = strchr(path + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
		snprintf(part, sizeof(part), "%.*s", (int)(slash - path), path);
		if (mkdir(part, 0755) < 0 && errno != EEXIST)
			return fail_errno(why, ERR_SYSTEM, "make the directory %s", part);
	}
	return OK;
}

enum err
dir_make(const char *path, mode_t mode, struct why *why)
{
	struct stat st;
	enum err r;

	if (path[0] != '/' || strlen(path) >= PATH_MAX)
		return fail(why, ERR_INVALID, "the path %.64s is not absolute", path);
	if ((r = parents_make(path, why)) != OK)
		return r;
	if (mkdir(path, mode) < 0 && errno != EEXIST)
		return fail_errno(why, ERR_SYSTEM, "make the directory %s", path);
	if (stat(path, &st) < 0)
		return fail_errno(why, ERR_SYSTEM, "%s", path);
	if (!S_ISDIR(st.st_mode))
		return fail(why, ERR_INVALID, "%s is not a directory", path);
	if ((st.st_mode & 07777) != mode && chmod(path, mode) < 0)
		return fail_errno(why, ERR_SYSTEM, "change the mode of %s", path);
	return OK;
}

enum err
dir_make_for(const char *path, mode_t mode, uid_t uid, gid_t gid, struct why *why)
{
	enum err r = dir_make(path, mode, why);

	if (r == OK && geteuid() == 0 && lchown(path, uid, gid) < 0)
		return fail_errno(why, ERR_SYSTEM, "give %s to its user", path);
	return r;
}

enum err
dir_remove(int at, const char *path, struct why *why)
{
	enum err r;

	do
		r = tree_remove(at, path, ENTRIES_AT_ONCE, why);
	while (r == ERR_MORE);
	return r;
}

void
dir_clear(const char *path)
{
	struct why why;

	if (dir_remove(AT_FDCWD, path, &why) != OK)
		log_warning("directory.left", "path=%s why=\"%s\"", path, why.text);
}

enum err
memfd_sealed(const char *name, struct span bytes, int *out, struct why *why)
{
	auto_fd int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0 || write(fd, bytes.at, bytes.length) != (ssize_t)bytes.length ||
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) < 0 ||
	    lseek(fd, 0, SEEK_SET) < 0)
		return fail_errno(why, ERR_SYSTEM, "memfd for %s", name);
	*out = fd_take(&fd);
	return OK;
}

void
random_bytes(void *to, size_t length)
{
	if (getrandom(to, length, 0) != (ssize_t)length)
		abort(); /* cannot be for at most 256 bytes */
}
