/* Key files: checked on the open descriptor, so that nothing changes in between. */
#include "common/seal/key_file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "common/base/clean.h"

static enum err
file_check(int fd, const char *path, size_t low, size_t high, struct why *why)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return fail_errno(why, ERR_SYSTEM, "%s", path);
	if (!S_ISREG(st.st_mode))
		return fail(why, ERR_INVALID, "the key %s is not a regular file", path);
	if (st.st_uid != 0 && st.st_uid != geteuid())
		return fail(why, ERR_INVALID,
		    "the key %s belongs to user %u, who can read and change it: make it one's own or root's", path,
		    (unsigned)st.st_uid);
	if ((st.st_mode & 077) != 0)
		return fail(why, ERR_INVALID, "the key %s: mode %o lets other users at it: chmod 600 it", path,
		    (unsigned)st.st_mode & 07777);
	if (st.st_size >= (off_t)low && st.st_size <= (off_t)high)
		return OK;
	if (low == high)
		return fail(why, ERR_INVALID, "the key %s has %lld bytes instead of %zu: restore it from a backup",
		    path, (long long)st.st_size, low);
	return fail(why, ERR_INVALID,
	    "the key %s has %lld bytes, which is none of the sizes it can have: restore it from a backup", path,
	    (long long)st.st_size);
}

enum err
key_file_read(const char *path, size_t low, size_t high, uint8_t *out, size_t *length, struct why *why)
{
	auto_fd int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	ssize_t n;
	enum err r;

	if (fd < 0)
		return fail_errno(why, errno == ENOENT ? ERR_NOT_FOUND : ERR_SYSTEM, "open the key %s", path);
	if ((r = file_check(fd, path, low, high, why)) != OK)
		return r;
	if ((n = pread(fd, out, high, 0)) < (ssize_t)low)
		return fail_errno(why, ERR_SYSTEM, "read the key %s", path);
	*length = (size_t)n;
	return OK;
}

enum err
key_file_secret(const char *path, struct secret *out, struct why *why)
{
	size_t length;

	return key_file_read(path, sizeof(out->bytes), sizeof(out->bytes), out->bytes, &length, why);
}
