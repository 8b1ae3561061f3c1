/* Making, copying, narrowing and attaching mounts (Linux 5.12: mount_setattr(2)). */
#include "sandbox/supervisor/view_mount.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/clean.h"

enum err
mount_fresh(const char *type, const char *const *options, unsigned attributes, int *out, struct why *why)
{
	auto_fd int context = fsopen(type, FSOPEN_CLOEXEC);

	if (context < 0)
		return fail_errno(why, ERR_SYSTEM, "open file system %s", type);
	for (size_t i = 0; options[i] != NULL; i += 2)
		if (fsconfig(context, FSCONFIG_SET_STRING, options[i], options[i + 1], 0) < 0)
			return fail_errno(why, ERR_SYSTEM, "%s option %s", type, options[i]);
	if (fsconfig(context, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0 ||
	    (*out = fsmount(context, FSMOUNT_CLOEXEC, attributes)) < 0)
		return fail_errno(why, ERR_SYSTEM, "make file system %s", type);
	return OK;
}

enum err
mount_narrow(int fd, uint64_t attributes, bool recursive, struct why *why)
{
	struct mount_attr attr = {.attr_set = attributes, .propagation = MS_PRIVATE};

	if (mount_setattr(fd, "", AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0), &attr, sizeof(attr)) < 0)
		return fail_errno(why, ERR_SYSTEM, "narrow a mount");
	return OK;
}

enum err
mount_clone(int fd, const char *path, uint64_t attributes, int *out, struct why *why)
{
	const unsigned flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH | AT_RECURSIVE | AT_SYMLINK_NOFOLLOW;
	auto_fd int clone = open_tree(fd, path, flags);
	enum err r;

	if (clone < 0)
		return fail_errno(why, ERR_SYSTEM, "clone a mount");
	if ((r = mount_narrow(clone, attributes, true, why)) != OK)
		return r;
	*out = fd_take(&clone);
	return OK;
}

enum err
mount_ground(const char *path, bool directory, struct why *why)
{
	char part[PATH_MAX];
	struct stat st;

	if (strlen(path) >= sizeof(part))
		return fail(why, ERR_INVALID, "%.64s...: too long", path);
	for (const char *slash = strchr(path + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
		memcpy(part, path + 1, (size_t)(slash - path - 1));
		part[slash - path - 1] = '\0';
		if (mkdirat(AT_FDCWD, part, 0755) < 0 && errno != EEXIST && errno != EROFS && errno != EACCES)
			return fail_errno(why, ERR_SYSTEM, "make directory /%s", part);
	}
	if (fstatat(AT_FDCWD, path + 1, &st, AT_SYMLINK_NOFOLLOW) == 0)
		return OK;
	if (directory ? mkdirat(AT_FDCWD, path + 1, 0755) < 0 : mknodat(AT_FDCWD, path + 1, S_IFREG | 0444, 0) < 0)
		return fail_errno(why, ERR_SYSTEM, "make %s", path);
	return OK;
}

enum err
mount_attach(int fd, const char *path, struct why *why)
{
	struct stat st;
	enum err r;

	if (fstat(fd, &st) < 0)
		return fail_errno(why, ERR_SYSTEM, "%s", path);
	if ((r = mount_ground(path, S_ISDIR(st.st_mode), why)) != OK)
		return r;
	if (move_mount(fd, "", AT_FDCWD, path + 1, MOVE_MOUNT_F_EMPTY_PATH) < 0)
		return fail_errno(why, ERR_SYSTEM, "mount %s", path);
	return OK;
}

enum err
mount_attach_fresh(const char *type, const char *const *options, unsigned attributes, const char *path, struct why *why)
{
	auto_fd int fd = -1;
	enum err r;

	if ((r = mount_fresh(type, options, attributes, &fd, why)) != OK || (r = mount_attach(fd, path, why)) != OK)
		return because(why, r, "%s", path);
	return OK;
}
