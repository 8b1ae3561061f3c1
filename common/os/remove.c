/* Removing a tree: depth first; what lies too deep is moved up to its top, so that neither stack nor descriptors run out. */
#include "common/os/remove.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/clean.h"

#define ENTRIES_AT_ONCE 10000

#define DEPTH_MAX 16

struct removal {
	int top; /* directory that what lies too deep is moved to */
	unsigned left;
	unsigned moved;
};

static void
clean_dir(DIR **dir)
{
	if (*dir != NULL)
		closedir(*dir);
}

static enum err
take(struct removal *removal)
{
	if (removal->left == 0)
		return ERR_MORE;
	removal->left--;
	return OK;
}

/* The agent may have left directories that their own owner cannot enter. */
static int
directory_open(int parent, const char *name)
{
	const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	int fd = openat(parent, name, flags);

	if (fd >= 0 && faccessat(fd, ".", W_OK | X_OK, 0) == 0)
		return fd;
	if (fd >= 0)
		close(fd);
	else if (errno != EACCES)
		return -1;
	if (fchmodat(parent, name, 0700, 0) < 0)
		return -1;
	return openat(parent, name, flags);
}

static enum err
move_up(struct removal *removal, int parent, const char *name, struct why *why)
{
	char to[32];

	if (fchmodat(parent, name, 0700, 0) < 0)
		return fail_errno(why, ERR_SYSTEM, "remove %s", name);
	do
		snprintf(to, sizeof(to), ".deep-%u", removal->moved++);
	while (renameat2(parent, name, removal->top, to, RENAME_NOREPLACE) < 0 && errno == EEXIST);
	if (faccessat(parent, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return fail_errno(why, ERR_SYSTEM, "remove %s", name);
	return OK;
}

static enum err directory_remove(struct removal *removal, int parent, const char *name, int depth, struct why *why);

static enum err
entry_remove(struct removal *removal, int parent, const struct dirent *entry, int depth, struct why *why)
{
	struct stat st;

	if (take(removal) != OK)
		return ERR_MORE;
	if (unlinkat(parent, entry->d_name, 0) == 0 || errno == ENOENT)
		return OK;
	if (fstatat(parent, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISDIR(st.st_mode))
		return fail_errno(why, ERR_SYSTEM, "remove %s", entry->d_name);
	if (depth >= DEPTH_MAX)
		return move_up(removal, parent, entry->d_name, why);
	return directory_remove(removal, parent, entry->d_name, depth, why);
}

static enum err
directory_empty(struct removal *removal, int fd, int depth, struct why *why)
{
	DIR *dir __attribute__((cleanup(clean_dir))) = fdopendir(fd);
	struct dirent *entry;
	enum err r = OK;

	if (dir == NULL) {
		close(fd);
		return fail_errno(why, ERR_SYSTEM, "fdopendir");
	}
	while (r == OK && (entry = readdir(dir)) != NULL)
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			r = entry_remove(removal, fd, entry, depth, why);
	return r;
}

static enum err
directory_remove(struct removal *removal, int parent, const char *name, int depth, struct why *why)
{
	int fd;
	enum err r;

	if (unlinkat(parent, name, AT_REMOVEDIR) == 0)
		return OK;
	if ((fd = directory_open(parent, name)) < 0)
		return errno == ENOENT ? OK : fail_errno(why, ERR_SYSTEM, "remove %s", name);
	if ((r = directory_empty(removal, fd, depth + 1, why)) != OK)
		return r;
	if (unlinkat(parent, name, AT_REMOVEDIR) < 0 && errno != ENOENT)
		/* What was moved up while its top was being read. */
		return errno == ENOTEMPTY ? ERR_MORE : fail_errno(why, ERR_SYSTEM, "remove %s", name);
	return OK;
}

enum err
tree_remove(int dir, const char *name, unsigned entries_max, struct why *why)
{
	struct removal removal = {.left = entries_max};
	auto_fd int top = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (top < 0 && errno == ENOENT)
		return OK;
	if (top < 0 && (top = directory_open(dir, name)) < 0)
		return fail_errno(why, ERR_SYSTEM, "remove %s", name);
	removal.top = top;
	return directory_remove(&removal, dir, name, 0, why);
}

enum err
tree_remove_whole(int dir, const char *name, struct why *why)
{
	enum err r;

	do
		r = tree_remove(dir, name, ENTRIES_AT_ONCE, why);
	while (r == ERR_MORE);
	return r;
}
