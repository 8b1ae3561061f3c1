/* Making directories, files and links beneath a directory. */
#include "common/transfer/beneath.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "common/base/clean.h"
#include "common/transfer/sum.h"

#define LOCK_TRIES    100
#define LOCK_EVERY_NS (20l * 1000 * 1000)
#define PART_BYTES    (sizeof(RELATIVE_PART) + SUM_NAME_BYTES)

void
beneath_init(struct beneath *beneath, int root)
{
	*beneath = (struct beneath){.root = root, .directory = -1};
}

void
beneath_done(struct beneath *beneath)
{
	clean_fd(&beneath->directory);
}

/* The reason in errno as one of our errors. */
static enum err
refused(struct why *why, const char *step)
{
	switch (errno) {
	case EACCES:
	case EPERM:
	case EROFS:
		return fail_errno(why, ERR_DENIED, "%s", step);
	case ENOSPC:
	case EDQUOT:
	case EFBIG:
		return fail_errno(why, ERR_LIMIT, "%s", step);
	case ELOOP:
	case EXDEV:
		return fail(why, ERR_STATE, "%s: a symbolic link is in the way, and is not followed", step);
	case EISDIR:
	case ENOTEMPTY:
		return fail(why, ERR_STATE, "%s: a directory of that name is in the way", step);
	case ENOTDIR:
		return fail(why, ERR_STATE,
		    "%s: a link, or something else that is no directory, is in the way, and is not followed", step);
	default:
		return fail_errno(why, ERR_SYSTEM, "%s", step);
	}
}

/* ---- the directory that an entry is in ---- */

static int
open_directory(int root, const char *path)
{
	const struct open_how how = {
	    .flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC,
	    .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
	};

	return (int)syscall(SYS_openat2, root, path[0] == '\0' ? "." : path, &how, sizeof(how));
}

/* The parent's descriptor, kept for the next entry, and the entry's own name. */
static enum err
parent_of(struct beneath *beneath, struct span path, char name[NAME_MAX + 1], struct why *why)
{
	struct span parent = relative_parent(path);

	if (!span_copy(relative_base(path), name, NAME_MAX + 1))
		return fail(why, ERR_INVALID, "a name that is too long");
	if (beneath->directory >= 0 && span_is(parent, beneath->path))
		return OK;
	clean_fd(&beneath->directory);
	(void)span_copy(parent, beneath->path, sizeof(beneath->path));
	if ((beneath->directory = open_directory(beneath->root, beneath->path)) < 0)
		return refused(why, "open its directory");
	return OK;
}

static void
part_name(const char *name, char to[PART_BYTES])
{
	char hashed[SUM_NAME_BYTES];

	sum_name(name, strlen(name), hashed);
	snprintf(to, PART_BYTES, RELATIVE_PART "%s", hashed);
}

/* ---- directories ---- */

/* One that is there: it must be a directory, and we must be able to write into it. */
static enum err
directory_widen(int parent, const char *name, struct why *why)
{
	auto_fd int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;

	if (fd < 0)
		return refused(why, "use the directory that is there");
	if (fstat(fd, &st) == 0 && (st.st_mode & S_IRWXU) != S_IRWXU && st.st_uid == geteuid())
		(void)!fchmod(fd, (st.st_mode & 0777) | S_IRWXU);
	return OK;
}

enum err
beneath_directory(struct beneath *beneath, struct span path, struct why *why)
{
	char name[NAME_MAX + 1];
	enum err r;

	if ((r = parent_of(beneath, path, name, why)) != OK)
		return r;
	if (mkdirat(beneath->directory, name, 0700) == 0)
		return OK;
	if (errno != EEXIST)
		return refused(why, "make the directory");
	return directory_widen(beneath->directory, name, why);
}

enum err
beneath_complete(struct beneath *beneath, struct span path, mode_t mode, const struct timespec *mtime, struct why *why)
{
	const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, *mtime};
	char name[NAME_MAX + 1];
	auto_fd int fd = -1;
	enum err r;

	if ((r = parent_of(beneath, path, name, why)) != OK)
		return r;
	if ((fd = openat(beneath->directory, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)) < 0)
		return refused(why, "open the directory");
	(void)!futimens(fd, times); /* a time that this file system does not know is no reason to stop */
	if (fchmod(fd, mode) < 0 && errno != EPERM) /* someone else's directory was there */
		return refused(why, "set its permissions");
	return OK;
}

/* ---- links ---- */

enum err
beneath_link(
    struct beneath *beneath, struct span path, const char *target, const struct timespec *mtime, struct why *why)
{
	const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, *mtime};
	char name[NAME_MAX + 1], part[PART_BYTES];
	enum err r;

	if ((r = parent_of(beneath, path, name, why)) != OK)
		return r;
	part_name(name, part);
	if (unlinkat(beneath->directory, part, 0) < 0 && errno != ENOENT)
		return refused(why, "remove what an earlier transfer left");
	if (symlinkat(target, beneath->directory, part) < 0)
		return refused(why, "make the link");
	(void)!utimensat(beneath->directory, part, times, AT_SYMLINK_NOFOLLOW);
	if (renameat(beneath->directory, part, beneath->directory, name) < 0) {
		r = refused(why, "give it its name");
		unlinkat(beneath->directory, part, 0);
		return r;
	}
	return OK;
}

/* ---- files ---- */

/* What stands under a part's name must be a file of one name, else it is made anew. */
static int
part_open(int directory, const char *part)
{
	int fd = openat(directory, part, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct stat st;

	if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_nlink == 1)
		return fd;
	if (fd >= 0)
		close(fd);
	if (unlinkat(directory, part, 0) < 0 && errno != ENOENT)
		return -1;
	return openat(directory, part, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
}

/* Whoever wrote it before a break may take a moment to end. */
static bool
part_lock(int fd)
{
	for (int i = 0; flock(fd, LOCK_EX | LOCK_NB) < 0; i++) {
		if (errno != EWOULDBLOCK || i == LOCK_TRIES)
			return errno != EWOULDBLOCK; /* a file system without locks */
		nanosleep(&(struct timespec){.tv_nsec = LOCK_EVERY_NS}, NULL);
	}
	return true;
}

enum err
beneath_part(struct beneath *beneath, struct span path, bool keep, int *out, struct why *why)
{
	char name[NAME_MAX + 1], part[PART_BYTES];
	auto_fd int fd = -1;
	enum err r;

	if ((r = parent_of(beneath, path, name, why)) != OK)
		return r;
	part_name(name, part);
	if ((fd = part_open(beneath->directory, part)) < 0)
		return refused(why, "make the file");
	if (!part_lock(fd))
		return fail(why, ERR_BUSY, "another transfer is writing it");
	if (!keep && ftruncate(fd, 0) < 0)
		return refused(why, "begin the file anew");
	*out = fd_take(&fd);
	return OK;
}

enum err
beneath_commit(
    struct beneath *beneath, struct span path, int fd, mode_t mode, const struct timespec *mtime, struct why *why)
{
	const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, *mtime};
	char name[NAME_MAX + 1], part[PART_BYTES];
	enum err r;

	if ((r = parent_of(beneath, path, name, why)) != OK)
		return r;
	part_name(name, part);
	if (fchmod(fd, mode) < 0)
		return refused(why, "set its permissions");
	(void)!futimens(fd, times);
	if (renameat(beneath->directory, part, beneath->directory, name) < 0)
		return refused(why, "give it its name");
	return OK;
}

void
beneath_discard(struct beneath *beneath, struct span path)
{
	char name[NAME_MAX + 1], part[PART_BYTES];
	struct why unused;

	if (parent_of(beneath, path, name, &unused) != OK)
		return;
	part_name(name, part);
	unlinkat(beneath->directory, part, 0);
}
