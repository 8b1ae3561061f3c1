/* Laying entries over a directory: overlayfs where the kernel lets us, binds of each entry where it does not. */
#include "sandbox/supervisor/view_lay.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/clean.h"
#include "sandbox/supervisor/view_mount.h"

#define ENTRIES_MAX 1024

/* The kernel wants both layers mounted where it can name them: ours is on the private /tmp. */
static enum err
overlay(const char *path, struct why *why)
{
	char layers[PATH_MAX + 8];
	auto_fd int context = fsopen("overlay", FSOPEN_CLOEXEC);
	auto_fd int both = -1;

	snprintf(layers, sizeof(layers), "tmp:%s", path + 1);
	if (context < 0 || fsconfig(context, FSCONFIG_SET_STRING, "lowerdir", layers, 0) < 0 ||
	    fsconfig(context, FSCONFIG_SET_FLAG, "userxattr", NULL, 0) < 0 ||
	    fsconfig(context, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0 ||
	    (both = fsmount(context, FSMOUNT_CLOEXEC, SAFE | MOUNT_ATTR_RDONLY)) < 0)
		return fail_errno(why, ERR_UNIMPLEMENTED, "overlayfs");
	if (umount2("tmp", MNT_DETACH) < 0)
		return fail_errno(why, ERR_SYSTEM, "take the layer from /tmp");
	return mount_attach(both, path, why);
}

/* One entry into ours: a link as a link, a directory or file bound with what is mounted there. */
static enum err
bind_entry(int layer, int from, const char *name, struct why *why)
{
	char target[PATH_MAX];
	auto_fd int clone = -1;
	struct stat st;
	ssize_t n;
	enum err r;

	if (fstatat(from, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? OK : fail_errno(why, ERR_SYSTEM, "%s", name);
	if (S_ISLNK(st.st_mode)) {
		n = readlinkat(from, name, target, sizeof(target) - 1);
		target[n < 0 ? 0 : n] = '\0';
		return symlinkat(target, layer, name) == 0 ? OK : fail_errno(why, ERR_SYSTEM, "link %s", name);
	}
	if (!S_ISDIR(st.st_mode) && !S_ISREG(st.st_mode))
		return OK; /* a socket or device has no business here */
	if (S_ISDIR(st.st_mode) ? mkdirat(layer, name, 0755) < 0 : mknodat(layer, name, S_IFREG | 0444, 0) < 0)
		return fail_errno(why, ERR_SYSTEM, "make %s", name);
	if ((r = mount_clone(from, name, SAFE | MOUNT_ATTR_RDONLY, &clone, why)) != OK)
		return because(why, r, "%s", name);
	if (move_mount(clone, "", layer, name, MOVE_MOUNT_F_EMPTY_PATH) < 0)
		return fail_errno(why, ERR_SYSTEM, "mount %s", name);
	return OK;
}

/* Where something is mounted below it, as in a container, overlayfs refuses it: then each entry is bound by itself. */
static enum err
bind_entries(int layer, const char *path, struct why *why)
{
	int fd = open(path + 1, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;
	size_t n = 0;
	enum err r = OK;

	if (dir == NULL) {
		clean_fd(&fd);
		return fail_errno(why, ERR_SYSTEM, "read %s", path);
	}
	while (r == OK && (entry = readdir(dir)) != NULL) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 ||
		    faccessat(layer, entry->d_name, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
			continue; /* ours stands there */
		r = ++n > ENTRIES_MAX ? fail(why, ERR_LIMIT, "more than %d entries", ENTRIES_MAX)
				      : bind_entry(layer, fd, entry->d_name, why);
	}
	closedir(dir);
	if (r != OK || (r = mount_narrow(layer, SAFE | MOUNT_ATTR_RDONLY, false, why)) != OK)
		return r;
	return mount_attach(layer, path, why); /* moved, with all that is mounted in it */
}

enum err
view_lay(int layer, const char *path, struct why *why)
{
	enum err r;

	if ((r = mount_attach(layer, "/tmp", why)) != OK)
		return r;
	r = overlay(path, why);
	return r == ERR_UNIMPLEMENTED ? bind_entries(layer, path, why) : r;
}
