/* Files: read whole, directories with their modes, random bytes. */
#include "services/gateway/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "common/base/clean.h"
#include "common/base/log.h"
#include "common/os/remove.h"

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

void
dir_clear(const char *path)
{
	struct why why;

	if (tree_remove_whole(AT_FDCWD, path, &why) != OK)
		log_warning("directory.left", "path=%s why=\"%s\"", path, why.text);
}

void
random_bytes(void *to, size_t length)
{
	if (getrandom(to, length, 0) != (ssize_t)length)
		abort(); /* cannot be for at most 256 bytes */
}
